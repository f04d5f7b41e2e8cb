//! Cursors: where a list goes on. Callers send back what they got; what it means is ours to change.

use std::fmt::Write;

use super::Problem;

/// The largest and the usual length of a page.
pub(super) const PAGE_MAX: usize = 200;
const PAGE_USUAL: usize = 50;

/// The cursor that stands for these bytes.
pub(super) fn cursor(bytes: &[u8]) -> String {
    bytes.iter().fold("c".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that a cursor stands for.
pub(super) fn place<const N: usize>(cursor: Option<&str>) -> Result<Option<[u8; N]>, Problem> {
    let Some(text) = cursor else { return Ok(None) };
    let wrong = || Problem::wrong_query(&"`cursor` is not one that this list has given; leave it out to begin anew");
    let digits =
        text.strip_prefix('c').filter(|digits| digits.len() == 2 * N && digits.is_ascii()).ok_or_else(wrong)?;
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
    }
    Ok(Some(bytes))
}

/// The length of a page: the one asked for, within what is possible.
pub(super) fn page_length(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(PAGE_USUAL),
        Some(limit @ 1..=PAGE_MAX) => Ok(limit),
        Some(limit) => Err(Problem::wrong_query(&format!("`limit` is {limit}, expected 1 to {PAGE_MAX}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_back_to_its_bytes_and_anything_else_is_refused() {
        assert_eq!(place(Some(&cursor(&[0, 171, 255]))).unwrap(), Some([0, 171, 255]));
        assert_eq!(place::<3>(None).unwrap(), None);
        for bad in ["", "c", "c0", "x00abff", "c00abf+", "c00abff00", "c00äbf"] {
            assert!(place::<3>(Some(bad)).is_err(), "{bad}");
        }
    }
}
