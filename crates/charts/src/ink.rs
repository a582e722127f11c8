//! Colours by what they are for. A backend that knows its page's styles gets the code of an ink instead of a colour, and
//! looks up, or lets the style sheet say, what that is in the theme of the moment.

use plotters_backend::{BackendColor, BackendStyle};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ink {
    Grid,
    Label,
    /// A label that may be left out where there is little room.
    LabelMinor,
    Gap,
    Fail,
    /// Upon `Fail`.
    OnFail,
    Note,
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
}

impl Ink {
    pub const ALL: [Self; 15] = [
        Self::Grid,
        Self::Label,
        Self::LabelMinor,
        Self::Gap,
        Self::Fail,
        Self::OnFail,
        Self::Note,
        Self::S1,
        Self::S2,
        Self::S3,
        Self::S4,
        Self::S5,
        Self::S6,
        Self::S7,
        Self::S8,
    ];

    /// Of the series with this number; after the eighth they begin again.
    pub fn of_series(at: usize) -> Self {
        const SERIES: [Ink; 8] = [Ink::S1, Ink::S2, Ink::S3, Ink::S4, Ink::S5, Ink::S6, Ink::S7, Ink::S8];
        SERIES[at % SERIES.len()]
    }

    /// The class of the style sheet (`_chart.scss`) that says what it looks like.
    pub fn class(self) -> &'static str {
        match self {
            Self::Grid => "ink-grid",
            Self::Label => "ink-label",
            Self::LabelMinor => "ink-label ink-label--minor",
            Self::Gap => "ink-gap",
            Self::Fail => "ink-fail",
            Self::OnFail => "ink-on-fail",
            Self::Note => "ink-note",
            Self::S1 => "ink-s1",
            Self::S2 => "ink-s2",
            Self::S3 => "ink-s3",
            Self::S4 => "ink-s4",
            Self::S5 => "ink-s5",
            Self::S6 => "ink-s6",
            Self::S7 => "ink-s7",
            Self::S8 => "ink-s8",
        }
    }
}

/// What inks look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Theme {
    /// The backend gets codes, and reads them by [`Code::of`].
    Coded,
    /// A colour for each of [`Ink::ALL`], in that order: for a backend that knows nothing else. It knows no dashes either.
    Colours([(u8, u8, u8); Ink::ALL.len()]),
}

/// What a colour of [`Theme::Coded`] says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Code {
    pub ink: Ink,
    pub dashed: bool,
    pub alpha: f64,
}

impl Code {
    pub fn of(colour: BackendColor) -> Self {
        let (ink, dashed, _) = colour.rgb;
        let ink = Ink::ALL.get(usize::from(ink)).copied().unwrap_or(Ink::Label);
        Self { ink, dashed: dashed == 1, alpha: colour.alpha }
    }
}

/// How something is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Pen {
    colour: BackendColor,
    width: u32,
}

impl Theme {
    pub(crate) fn pen(&self, code: Code, width: u32) -> Pen {
        let colour = match self {
            Self::Coded => {
                BackendColor { alpha: code.alpha, rgb: (code.ink as u8, u8::from(code.dashed), 0) }
            }
            Self::Colours(colours) => BackendColor {
                alpha: code.alpha,
                rgb: colours.get(code.ink as usize).copied().unwrap_or_default(),
            },
        };
        Pen { colour, width }
    }

    pub(crate) fn solid(&self, ink: Ink, width: u32) -> Pen {
        self.pen(Code { ink, dashed: false, alpha: 1.0 }, width)
    }
}

impl BackendStyle for Pen {
    fn color(&self) -> BackendColor {
        self.colour
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_written() {
        for ink in Ink::ALL {
            for dashed in [false, true] {
                let code = Code { ink, dashed, alpha: 0.5 };
                assert_eq!(Code::of(Theme::Coded.pen(code, 1).color()), code);
            }
        }
    }
}
