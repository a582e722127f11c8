//! Addresses of pages with parameters.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 calls unreserved stays readable, and so does the colon of a time, which a query may hold.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// `/path?name=value&…`
pub(super) fn address(path: &str, parameters: &[(&'static str, String)]) -> String {
    let mut address = path.to_owned();
    for (at, (name, value)) in parameters.iter().enumerate() {
        address.push(if at == 0 { '?' } else { '&' });
        address.push_str(name);
        address.push('=');
        address.extend(utf8_percent_encode(value, ESCAPED));
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_times_stay_readable() {
        let parameters = [("from", "2026-05-04T14:00".to_owned()), ("cursor", "a+b=&".to_owned())];
        assert_eq!(address("/queries", &parameters), "/queries?from=2026-05-04T14:00&cursor=a%2Bb%3D%26");
        assert_eq!(address("/queries", &[]), "/queries");
    }
}
