//! Addresses of webhooks.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

use http::Uri;
use serde::{Deserialize, Serialize};

use super::Reach;

/// Why a text is no address of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    /// It is no URL.
    #[error("this is no URL of a webhook ({reason}): expected one such as `https://example.com/punchcard`, at most {max} bytes", max = WebhookUrl::MAX_BYTES)]
    Form {
        /// What is wrong with it.
        reason: String,
    },
    /// It is not encrypted, or is no HTTP at all.
    #[error("a URL that begins with `{scheme}` is not delivered to: expected `https`")]
    Scheme {
        /// How it begins.
        scheme: String,
    },
    /// It has a name or a password in it.
    #[error("the URL has user information in it, which would stand in logs: who sends is proved by the signature")]
    UserInfo,
    /// It leads into a private network, or to the host itself.
    #[error("{host} is not a public address, and this host does not deliver to private networks")]
    Private {
        /// The address.
        host: String,
    },
}

/// The URL to which events are sent: `https`, or `http` where the operator allows it, without user information.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl(Uri);

impl WebhookUrl {
    /// The longest that is accepted, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Reads a URL. Whether the host may go there says [`WebhookUrl::check`].
    ///
    /// # Errors
    /// When it is none, is not HTTP, or has user information in it.
    pub fn new(text: &str) -> Result<Self, WebhookUrlError> {
        let form = |reason: &dyn fmt::Display| WebhookUrlError::Form { reason: reason.to_string() };
        if text.len() > Self::MAX_BYTES {
            return Err(form(&format_args!("it has {} bytes", text.len())));
        }
        if !text.is_ascii() {
            return Err(form(&"it has characters that are not ASCII; a name in another script is written as `xn--…`"));
        }
        let url: Uri = text.parse().map_err(|error| form(&error))?;
        let Some(scheme) = url.scheme_str() else { return Err(form(&"it does not begin with `https://`")) };
        if !matches!(scheme, "https" | "http") {
            return Err(WebhookUrlError::Scheme { scheme: scheme.chars().take(32).collect() });
        }
        let authority = url.authority().ok_or_else(|| form(&"it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(WebhookUrlError::UserInfo);
        }
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(form(&"its port is not a number from 1 to 65535"));
        }
        if address_of(authority.host()).is_none() && !is_name(authority.host()) {
            return Err(form(&"its host is neither a name nor an address such as 192.0.2.1 or [2001:db8::1]"));
        }
        Ok(Self(url))
    }

    /// Whether the host may send there, by what the URL alone tells: to which address a name leads is seen when a
    /// connection is made.
    ///
    /// # Errors
    /// When it is not encrypted or names an address that is not public, unless `reach` is anywhere.
    pub fn check(&self, reach: Reach) -> Result<(), WebhookUrlError> {
        if reach == Reach::Anywhere {
            return Ok(());
        }
        if self.0.scheme_str() != Some("https") {
            let scheme = self.0.scheme_str().unwrap_or_default().to_owned();
            return Err(WebhookUrlError::Scheme { scheme });
        }
        let host = self.0.host().unwrap_or_default();
        let is_refused = match address_of(host) {
            Some(address) => !reach.allows(address),
            None => {
                let name = host.trim_end_matches('.').to_ascii_lowercase();
                name == "localhost" || name.ends_with(".localhost")
            }
        };
        if is_refused { Err(WebhookUrlError::Private { host: host.to_owned() }) } else { Ok(()) }
    }

    /// The URL as it is asked for.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

/// The address that a host is, if it is one and not a name.
fn address_of(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Whether a host is a name of the domain name system. One that ends in a number is not: resolvers read `127.1` and
/// `0x7f000001` as addresses.
fn is_name(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Only to where: paths and questions of webhooks often hold a secret.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", self.0.scheme_str().unwrap_or_default(), self.0.host().unwrap_or_default())
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = WebhookUrlError;

    fn try_from(text: String) -> Result<Self, WebhookUrlError> {
        Self::new(&text)
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let refused = WebhookUrl::new(text).and_then(|url| url.check(Reach::Public));
        refused.expect_err(text).to_string()
    }

    #[test]
    fn public_urls_are_taken_on_any_port() {
        for good in [
            "https://example.com/hook",
            "https://example.com:8443/hook?key=1",
            "https://93.184.215.14/",
            "https://[2606:4700::1111]/",
            "https://xn--fsqu00a.xn--fiqs8s/",
            // A name that leads into a private network is found out when it is resolved.
            "https://internal.example.com/",
        ] {
            let url = WebhookUrl::new(good).expect(good);
            assert_eq!(url.check(Reach::Public), Ok(()), "{good}");
            assert_eq!(WebhookUrl::new(&url.to_string()).unwrap(), url, "{good}");
        }
    }

    #[test]
    fn urls_into_private_networks_are_refused() {
        for private in [
            "https://127.0.0.1/",
            "https://10.0.0.8/",
            "https://169.254.169.254/latest/meta-data",
            "https://192.168.1.1:8443/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[fd00::1]:8443/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://api.localhost/",
        ] {
            assert!(refusal(private).contains("is not a public address"), "{private}: {}", refusal(private));
            assert!(WebhookUrl::new(private).unwrap().check(Reach::Anywhere).is_ok());
        }
        for spelling in ["127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0", "127.0.0.1.", "a.0x7f"] {
            let refused = refusal(&format!("https://{spelling}/"));
            assert!(refused.contains("its host is neither a name nor an address"), "{spelling}: {refused}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_what_would_be_right() {
        assert_eq!(
            refusal("http://example.com/"),
            "a URL that begins with `http` is not delivered to: expected `https`"
        );
        assert_eq!(refusal("ftp://example.com/"), "a URL that begins with `ftp` is not delivered to: expected `https`");
        for with_user in ["https://user@example.com/", "https://user:word@example.com/", "https://:word@example.com/"] {
            assert!(refusal(with_user).starts_with("the URL has user information"), "{with_user}");
        }
        for broken in [
            "",
            "example.com",
            "/hook",
            "https://",
            "https:///hook",
            "https://exa mple.com/",
            "https://example.com:0/",
            "https://a:99999/",
            "https://a:/",
            "https://a..b/",
            "https://例子.中国/",
            "https://[::1/",
            "https://example.com/\r\nx",
        ] {
            assert!(refusal(broken).contains("this is no URL of a webhook"), "{broken}: {}", refusal(broken));
        }
        assert!(refusal(&format!("https://example.com/{}", "x".repeat(2048))).contains("it has 2068 bytes"));
    }

    #[test]
    fn logs_do_not_tell_what_stands_behind_the_host() {
        let url = WebhookUrl::new("https://example.com/secret?key=1#here").unwrap();
        assert_eq!(format!("{url:?}"), "https://example.com/…");
        assert_eq!(url.to_string(), "https://example.com/secret?key=1");
    }
}
