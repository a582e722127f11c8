//! The place that a chart has on a backend.

/// The plotting area in the backend's units; labels stand left of and below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    pub left: i32,
    pub top: i32,
    pub width: i32,
    pub height: i32,
    /// Units in a CSS pixel: 1 or 2 on a canvas, more where the drawing is stretched later.
    pub scale: f64,
    /// How many pixel columns the area has.
    pub columns: u32,
}

impl Frame {
    /// An area of a canvas: from CSS pixels, in pixels of a screen that has `ratio` of them in each.
    pub fn of_screen(left: f64, top: f64, width: f64, height: f64, ratio: f64) -> Self {
        let pixels = |css: f64| (css * ratio).round() as i32;
        let width = pixels(width).max(1);
        Self {
            left: pixels(left),
            top: pixels(top),
            width,
            height: pixels(height).max(1),
            scale: ratio,
            columns: width as u32,
        }
    }

    /// A drawing that is stretched to a width that nobody knows yet, about that wide and high.
    pub fn stretched(width: u32, height: u32) -> Self {
        // Fine enough for the widest screens.
        const UNITS: u32 = 5;
        Self {
            left: 0,
            top: 0,
            width: (width * UNITS) as i32,
            height: (height * UNITS) as i32,
            scale: f64::from(UNITS),
            columns: width,
        }
    }

    pub(crate) fn bottom(&self) -> i32 {
        self.top + self.height
    }

    pub(crate) fn right(&self) -> i32 {
        self.left + self.width
    }

    /// CSS pixels in units.
    pub(crate) fn px(&self, css: f64) -> i32 {
        (css * self.scale).round() as i32
    }

    /// The width of a stroke in units, which is never nothing.
    pub(crate) fn stroke(&self, css: f64) -> u32 {
        (css * self.scale).round().max(1.0) as u32
    }

    pub(crate) fn column_width(&self) -> f64 {
        f64::from(self.width) / f64::from(self.columns.max(1))
    }
}
