//! Numbers as people read them: two or three figures, the unit apart, narrow spaces in thousands.

/// A number and its unit, apart, because the unit is set smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    pub number: String,
    pub unit: &'static str,
}

impl Quantity {
    fn new(number: String, unit: &'static str) -> Self {
        Self { number, unit }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.unit.is_empty() {
            f.write_str(&self.number)
        } else {
            write!(f, "{} {}", self.number, self.unit)
        }
    }
}

/// Three significant figures, without an exponent: `0.312`, `9.81`, `31.4`, `118`.
pub fn figures(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "–".to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if size < 0.0995 {
        fixed(value, 3)
    } else if size < 9.995 {
        fixed(value, 2)
    } else if size < 99.95 {
        fixed(value, 1)
    } else {
        thousands(value.round() as i64)
    }
}

/// With that many digits (at least one) after the point. Not by `{value:.2}`: the standard library can write every digit
/// of a double, in code that would be 2 % of the first page's script.
pub fn fixed(value: f64, digits: u32) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let scale = 10_u64.pow(digits);
    let scaled = (value.abs() * scale as f64).round() as u64;
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", scaled / scale, scaled % scale, width = digits as usize)
}

/// `12 345` with narrow spaces that do not break (U+202F), from 10,000 on (ISO 80000-1 leaves four figures together).
pub fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::new();
    if value < 0 {
        out.push('−');
    }
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        if at > 0 && left.is_multiple_of(3) && digits.len() > 4 {
            out.push('\u{202F}');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds: `0.31 ms`, `118 ms`, `2.41 s`.
pub fn millis(ms: f64) -> Quantity {
    if ms.abs() >= 1000.0 {
        Quantity::new(figures(ms / 1000.0), "s")
    } else {
        Quantity::new(figures(ms), "ms")
    }
}

/// Bytes in powers of 1024, with the units that PostgreSQL prints: `8192 kB` is its `8 MB`.
pub fn bytes(count: i64) -> Quantity {
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if value.abs() < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    let number = if unit == "B" { count.to_string() } else { figures(value) };
    Quantity::new(number, unit)
}

/// A count: `987`, `1.2 k`, `3.4 M`.
pub fn count(value: i64) -> Quantity {
    let size = value.unsigned_abs();
    if size < 10_000 {
        Quantity::new(value.to_string(), "")
    } else if size < 1_000_000 {
        Quantity::new(figures(value as f64 / 1e3), "k")
    } else if size < 1_000_000_000 {
        Quantity::new(figures(value as f64 / 1e6), "M")
    } else {
        Quantity::new(figures(value as f64 / 1e9), "G")
    }
}

/// A ratio as per cent: `98.9`, `99.97`, `100` only when it is all of it.
pub fn percent(ratio: f64) -> String {
    let value = ratio * 100.0;
    if value >= 100.0 {
        "100".to_owned()
    } else if value >= 99.9 {
        fixed(value.min(99.99), 2)
    } else if value == 0.0 {
        "0".to_owned()
    } else {
        fixed(value, 1)
    }
}

/// A span in its two largest units: `12 s`, `34 min`, `2 h 5 min`, `61 d 4 h`.
pub fn span(seconds: f64) -> String {
    let total = seconds.max(0.0).round() as i64;
    let (days, hours, minutes, secs) = (total / 86_400, total / 3600 % 24, total / 60 % 60, total % 60);
    let two = |a: i64, a_unit: &str, b: i64, b_unit: &str| {
        if b == 0 { format!("{a} {a_unit}") } else { format!("{a} {a_unit} {b} {b_unit}") }
    };
    if days > 0 {
        two(days, "d", hours, "h")
    } else if hours > 0 {
        two(hours, "h", minutes, "min")
    } else if minutes > 0 {
        format!("{minutes} min")
    } else {
        format!("{secs} s")
    }
}

/// How long ago, in one unit: `9 s`, `29 min`, `3 h`, `4 d`.
pub fn ago(seconds: f64) -> String {
    let total = seconds.max(0.0) as i64;
    match total {
        0..60 => format!("{total} s"),
        60..3600 => format!("{} min", total / 60),
        3600..172_800 => format!("{} h", total / 3600),
        _ => format!("{} d", total / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_and_never_round_into_a_fourth() {
        let shown: Vec<_> =
            [0.0, 0.0421, 0.312, 9.994, 9.996, 31.42, 99.94, 99.96, 118.4, 12_345.0].map(figures).into();
        assert_eq!(
            shown,
            ["0", "0.042", "0.31", "9.99", "10.0", "31.4", "99.9", "100", "118", "12\u{202F}345"]
        );
    }

    #[test]
    fn digits_after_the_point_are_those_of_the_standard_library() {
        for value in [0.0, 0.05, 0.949, 9.996, 9.994, 31.42, 99.94, -3.21, 1234.5678] {
            for digits in 1..4 {
                assert_eq!(fixed(value, digits), format!("{value:.*}", digits as usize), "{value}");
            }
        }
    }

    #[test]
    fn thousands_leave_four_figures_together() {
        assert_eq!(thousands(9999), "9999");
        assert_eq!(thousands(-1_234_567), "−1\u{202F}234\u{202F}567");
    }

    #[test]
    fn bytes_use_the_units_of_postgresql() {
        assert_eq!(bytes(512).to_string(), "512 B");
        assert_eq!(bytes(8 * 1024 * 1024).to_string(), "8.00 MB");
        assert_eq!(bytes(186 * 1024 * 1024 * 1024).to_string(), "186 GB");
    }

    #[test]
    fn almost_all_is_not_all() {
        assert_eq!(percent(0.99999), "99.99");
        assert_eq!(percent(1.0), "100");
        assert_eq!(percent(0.912), "91.2");
    }

    #[test]
    fn spans_show_two_units_and_ago_one() {
        assert_eq!(span(61.0 * 86_400.0 + 4.0 * 3600.0 + 59.0), "61 d 4 h");
        assert_eq!(span(7500.0), "2 h 5 min");
        assert_eq!(span(-3.0), "0 s");
        assert_eq!(ago(29.5 * 60.0), "29 min");
        assert_eq!(ago(-1.0), "0 s");
    }
}
