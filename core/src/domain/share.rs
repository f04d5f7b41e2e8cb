//! Sharing an amount out in whole parts.

use super::Minor;

/// Shares `amount` out in proportion to `weights`, by the largest remainder: each gets the whole part of its share,
/// and what is left goes, one each, to those whose shares lost most by that, of equal ones to the earlier.
///
/// The parts add up to `amount`. When `amount` is at most the sum of the weights, no part is over its weight. With no
/// weight at all nobody gets anything.
pub fn shares(amount: Minor, weights: &[Minor]) -> Vec<Minor> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: &Minor| u128::from(amount) * u128::from(*weight);
    let mut parts: Vec<Minor> =
        weights.iter().map(|weight| Minor::try_from(exact(weight) / sum).unwrap_or(Minor::MAX)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(exact(&weights[*index]) % sum));
    let left = amount.saturating_sub(parts.iter().sum());
    for index in order.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        parts[index] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        for (amount, weights, expected) in [
            (10, vec![1, 1, 1], vec![4, 3, 3]),
            (10, vec![1, 2, 3], vec![2, 3, 5]),
            (1, vec![1, 9], vec![0, 1]),
            (0, vec![5, 5], vec![0, 0]),
            (7, vec![0, 7], vec![0, 7]),
            (3, vec![], vec![]),
            (3, vec![0, 0], vec![0, 0]),
            (5, vec![1, 2, 2], vec![1, 2, 2]),
        ] {
            assert_eq!(shares(amount, &weights), expected, "{amount} over {weights:?}");
        }
    }

    #[test]
    fn no_part_is_over_its_weight() {
        for amount in 0..=60 {
            let weights = [7, 13, 1, 0, 39];
            let parts = shares(amount, &weights);
            assert_eq!(parts.iter().sum::<Minor>(), amount);
            assert!(parts.iter().zip(weights).all(|(part, weight)| *part <= weight), "{amount}: {parts:?}");
        }
    }
}
