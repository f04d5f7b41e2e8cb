//! Money: integer minor units and an ISO 4217 currency. No floats anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of money in the minor unit of its currency (cents, fen), or of another unit in its smallest part.
/// Never negative: direction is said by the operation, not by a sign.
pub type Minor = u64;

/// Why a text is not money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency of ISO 4217.
    #[error("`{0}` is not a currency: expected an ISO 4217 code such as CNY")]
    UnknownCurrency(String),
    /// Not a decimal number.
    #[error("`{0}` is not an amount: expected digits and at most one decimal point, such as 12.50")]
    NotANumber(String),
    /// Below zero.
    #[error("`{0}` is negative: an amount of money is zero or more")]
    Negative(String),
    /// More digits after the point than the currency has.
    #[error("`{given}` has more than the {digits} decimal digits of {currency}")]
    LostPrecision {
        /// What was given.
        given: String,
        /// Digits after the point that the currency has.
        digits: u32,
        /// The currency.
        currency: Currency,
    },
    /// Over the largest amount.
    #[error("`{0}` is over the largest amount, {max} minor units", max = Currency::AMOUNT_MAX)]
    TooLarge(String),
}

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The largest amount that one operation may name: exact in every JSON reader (below 2^53) and far from the end
    /// of the counters (2^63).
    pub const AMOUNT_MAX: Minor = 1_000_000_000_000_000;

    /// The currency of a three-letter code.
    ///
    /// # Errors
    /// When ISO 4217 does not have it.
    pub fn new(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(16).collect()))
    }

    /// The three letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimal digits of its minor unit: 2 for CNY, 0 for JPY.
    pub fn digits(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Reads an amount in major units, such as `11.77`, exactly.
    ///
    /// # Errors
    /// When it is not a plain decimal number, is negative, too large, or has more digits than the currency.
    pub fn parse_major(self, text: &str) -> Result<Minor, MoneyError> {
        let given = || text.chars().take(40).collect::<String>();
        if let Some(rest) = text.strip_prefix('-') {
            let negative = rest.bytes().next().is_some_and(|b| b.is_ascii_digit());
            return Err(if negative { MoneyError::Negative(given()) } else { MoneyError::NotANumber(given()) });
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || text.ends_with('.') {
            return Err(MoneyError::NotANumber(given()));
        }
        let digits = self.digits() as usize;
        let significant = fraction.trim_end_matches('0');
        if significant.len() > digits {
            return Err(MoneyError::LostPrecision { given: given(), digits: self.digits(), currency: self });
        }
        format!("{whole}{significant:0<digits$}")
            .parse::<Minor>()
            .ok()
            .filter(|minor| *minor <= Self::AMOUNT_MAX)
            .ok_or_else(|| MoneyError::TooLarge(given()))
    }

    /// An amount in major units with its code, such as `11.77 USD`.
    pub fn show(self, minor: Minor) -> String {
        let digits = self.digits();
        let scale = 10_u64.pow(digits);
        let (whole, rest) = (minor / scale, minor % scale);
        if digits == 0 {
            format!("{whole} {self}")
        } else {
            format!("{whole}.{rest:0width$} {self}", width = digits as usize)
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_units_are_read_exactly_or_refused() {
        let (usd, jpy) = (Currency::new("USD").unwrap(), Currency::new("JPY").unwrap());
        for (currency, text, minor) in [
            (usd, "11.77", 1177),
            (usd, "0.00", 0),
            (usd, "5", 500),
            (usd, "1.5", 150),
            (usd, "1.500", 150),
            (jpy, "120", 120),
            (jpy, "120.0", 120),
        ] {
            assert_eq!(currency.parse_major(text), Ok(minor), "{text} {currency}");
        }
        assert!(matches!(usd.parse_major("-1.00"), Err(MoneyError::Negative(_))));
        assert!(matches!(usd.parse_major("1.005"), Err(MoneyError::LostPrecision { .. })));
        assert!(matches!(jpy.parse_major("1.5"), Err(MoneyError::LostPrecision { .. })));
        assert!(matches!(usd.parse_major("99999999999999999999"), Err(MoneyError::TooLarge(_))));
        for bad in ["", ".", "1.", ".5", "1,5", "1e3", "NaN", "-", "--1", "+1", " 1", "1.2.3"] {
            assert!(matches!(usd.parse_major(bad), Err(MoneyError::NotANumber(_))), "{bad:?}");
        }
    }

    #[test]
    fn amounts_are_shown_with_the_digits_of_their_currency() {
        assert_eq!(Currency::new("CNY").unwrap().show(5), "0.05 CNY");
        assert_eq!(Currency::new("JPY").unwrap().show(5), "5 JPY");
        assert!(Currency::new("XX").is_err());
        assert!(Currency::new("cny").is_err());
    }
}
