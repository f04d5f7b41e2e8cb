//! Numbers of cards that the host makes.

use super::Reference;

/// The digits of a number, its check digit included.
const DIGITS: u32 = 16;
/// What every number begins with: no payment card's does (ISO/IEC 7812 keeps 8 for telecommunications and healthcare).
const FIRST: u64 = 8;

/// A number of 16 digits from random bits: an 8, 14 digits, and a check digit by Luhn's algorithm (ISO/IEC 7812-1, annex B),
/// which finds each wrong digit and most swapped ones.
pub fn card_number(bits: u64) -> Reference {
    let body = FIRST * 10_u64.pow(DIGITS - 2) + bits % 10_u64.pow(DIGITS - 2);
    let number = format!("{body}{}", check_digit(body));
    Reference::new(number).expect("digits are a reference")
}

fn check_digit(body: u64) -> u64 {
    let (mut rest, mut sum, mut doubled) = (body, 0, true);
    while rest > 0 {
        let digit = rest % 10;
        sum += match (doubled, digit) {
            (true, 5..) => 2 * digit - 9,
            (true, _) => 2 * digit,
            (false, _) => digit,
        };
        doubled = !doubled;
        rest /= 10;
    }
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_luhns() {
        for (body, digit) in [(7_992_739_871, 3), (1, 8), (0, 0), (411_111_111_111_111, 1)] {
            assert_eq!(check_digit(body), digit, "{body}");
        }
    }

    #[test]
    fn a_number_has_sixteen_digits_whatever_the_bits() {
        for bits in [0, 1, 99_999_999_999_999, 100_000_000_000_000, u64::MAX] {
            let number = card_number(bits);
            assert!(number.as_str().len() == 16 && number.as_str().starts_with('8'), "{number}");
        }
        assert_ne!(card_number(1), card_number(2));
    }
}
