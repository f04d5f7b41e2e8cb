//! Cursors: where a list goes on. Callers send back what they got; what it means is ours to change.

use data_encoding::HEXLOWER;

use super::Problem;

/// The largest and the usual length of a page.
pub(super) const PAGE_MAX: usize = 200;
const PAGE_USUAL: usize = 50;

/// The cursor that stands for these bytes.
pub(super) fn cursor(bytes: &[u8]) -> String {
    format!("c{}", HEXLOWER.encode(bytes))
}

/// The bytes that a cursor stands for, however many.
pub(super) fn any_place(cursor: Option<&str>) -> Result<Option<Vec<u8>>, Problem> {
    let Some(text) = cursor else { return Ok(None) };
    let wrong = || Problem::wrong_query(&WRONG);
    let digits = text.strip_prefix('c').filter(|digits| digits.len() <= PLACE_DIGITS_MAX).ok_or_else(wrong)?;
    HEXLOWER.decode(digits.as_bytes()).map(Some).map_err(|_| wrong())
}

/// The bytes that a cursor stands for, if they are so many.
pub(super) fn place<const N: usize>(cursor: Option<&str>) -> Result<Option<[u8; N]>, Problem> {
    let Some(bytes) = any_place(cursor)? else { return Ok(None) };
    bytes.try_into().map(Some).map_err(|_| Problem::wrong_query(&WRONG))
}

const WRONG: &str = "`cursor` is not one that this list has given; leave it out to begin anew";
/// No list goes on at a longer place.
const PLACE_DIGITS_MAX: usize = 400;

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
