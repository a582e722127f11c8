//! SVG for the first paint: it fits any width without a script, and the style sheet says its colours.
//!
//! What bends (lines, areas) stands in an inner drawing that is stretched to the place; what must not be stretched (words,
//! dots, lines across) stands at percentages of the place, in pixels of the page. There is no style in it, only classes:
//! the Content Security Policy refuses styles, and both themes are right before anything runs.

use std::{convert::Infallible, fmt::Write as _};

use common::{text::clean, units::fixed};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};

use crate::{
    chart::Chart,
    drawing::{Drawing, Hidden},
    frame::Frame,
    ink::{Code, Ink, Theme},
    zone::Zone,
};

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// The whole chart as one `<svg>`, made for a place about `width` × `height` CSS pixels large. `id` is unique on the page;
/// `label` is what a screen reader is told.
pub fn svg(
    chart: &Chart,
    hidden: Hidden,
    zone: &Zone,
    width: u32,
    height: u32,
    id: &str,
    label: &str,
) -> String {
    let frame = Frame::stretched(width, height);
    let drawing = Drawing::new(chart, frame, hidden, zone, Theme::Coded, "");
    let mut svg =
        Svg { out: String::new(), frame, hatch: format!("{id}-hatch"), path: None, stretched: false };
    let _ = write!(
        svg.out,
        "<svg class=\"chart__svg\" width=\"100%\" height=\"100%\" role=\"img\" aria-label=\"{}\">",
        escaped(label)
    );
    if !chart.gaps.is_empty() {
        let _ = write!(
            svg.out,
            "<defs><pattern id=\"{}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><path class=\"ink-gap\" d=\"M0 0V6\"/></pattern></defs>",
            escaped(&svg.hatch)
        );
    }
    // It writes to memory: it cannot fail.
    let _ = drawing.axes(&mut svg);
    let _ = drawing.series(&mut svg);
    svg.unstretched();
    svg.out.push_str("</svg>");
    svg.out
}

struct Svg {
    out: String,
    frame: Frame,
    hatch: String,
    /// Of one style, written once it is known that no more of it follows.
    path: Option<(String, String)>,
    /// Whether the inner drawing is open.
    stretched: bool,
}

impl Svg {
    fn stretched(&mut self) {
        if !self.stretched {
            let Frame { width, height, .. } = self.frame;
            let _ = write!(
                self.out,
                "<svg class=\"chart__stretched\" width=\"100%\" height=\"100%\" viewBox=\"0 0 {width} {height}\" \
                 preserveAspectRatio=\"none\">"
            );
            self.stretched = true;
        }
    }

    fn end_path(&mut self) {
        if let Some((class, path)) = self.path.take() {
            let _ = write!(self.out, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }

    fn unstretched(&mut self) {
        self.end_path();
        if self.stretched {
            self.out.push_str("</svg>");
            self.stretched = false;
        }
    }

    /// Several paths of one style are one element.
    fn add_path(&mut self, class: String, points: &mut dyn Iterator<Item = BackendCoord>, close: bool) {
        self.stretched();
        if self.path.as_ref().is_some_and(|(open, _)| *open != class) {
            self.end_path();
        }
        let (_, path) = self.path.get_or_insert_with(|| (class, String::new()));
        let mut last: Option<BackendCoord> = None;
        for (x, y) in points {
            let _ = match last {
                None => write!(path, "M{x} {y}"),
                Some((_, before)) if before == y => write!(path, "H{x}"),
                Some(before) => write!(path, "l{} {}", x - before.0, y - before.1),
            };
            last = Some((x, y));
        }
        if close {
            path.push('Z');
        }
    }

    fn across(&self, x: i32) -> String {
        percent(f64::from(x - self.frame.left) / f64::from(self.frame.width))
    }

    fn down(&self, y: i32) -> String {
        percent(f64::from(y - self.frame.top) / f64::from(self.frame.height))
    }

    /// A place in or beside the area: the nearest place in it, and how many pixels away from there.
    fn beside(&self, (x, y): BackendCoord) -> ((String, String), (f64, f64)) {
        let Frame { left, top, scale, .. } = self.frame;
        let (inside_x, inside_y) = (x.clamp(left, self.frame.right()), y.clamp(top, self.frame.bottom()));
        let away = (f64::from(x - inside_x) / scale, f64::from(y - inside_y) / scale);
        ((self.across(inside_x), self.down(inside_y)), away)
    }
}

impl DrawingBackend for Svg {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.frame.width as u32, self.frame.height as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Drawn {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.unstretched();
        let class = classes("l", Code::of(style.color()));
        let (x1, y1, x2, y2) = (self.across(from.0), self.down(from.1), self.across(to.0), self.down(to.1));
        let _ = write!(self.out, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        _fill: bool,
    ) -> Drawn {
        self.unstretched();
        let code = Code::of(style.color());
        let part = |units: i32, of: i32| percent(f64::from(units) / f64::from(of));
        let place = format!(
            "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            self.across(from.0),
            self.down(from.1),
            part(to.0 - from.0, self.frame.width),
            part(to.1 - from.1, self.frame.height)
        );
        let _ = if code.ink == Ink::Gap {
            write!(self.out, "<rect fill=\"url(#{})\" {place}/>", escaped(&self.hatch))
        } else {
            write!(self.out, "<rect class=\"{}\" {place}/>", classes("a", code))
        };
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.add_path(classes("l", Code::of(style.color())), &mut path.into_iter(), false);
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        edge: I,
        style: &S,
    ) -> Drawn {
        self.add_path(classes("a", Code::of(style.color())), &mut edge.into_iter(), true);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        _fill: bool,
    ) -> Drawn {
        self.unstretched();
        let class = classes("a", Code::of(style.color()));
        // Its distance from an edge of the area is in pixels: at the foot it must stay.
        let away = f64::from(self.frame.bottom() - center.1) / self.frame.scale;
        let radius = number(f64::from(radius) / self.frame.scale);
        let x = self.across(center.0);
        let _ = if away <= NEAR_THE_FOOT {
            let down = number(-away);
            write!(
                self.out,
                "<circle class=\"{class}\" cx=\"{x}\" cy=\"100%\" r=\"{radius}\" transform=\"translate(0 {down})\"/>"
            )
        } else {
            write!(
                self.out,
                "<circle class=\"{class}\" cx=\"{x}\" cy=\"{}\" r=\"{radius}\"/>",
                self.down(center.1)
            )
        };
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, place: BackendCoord) -> Drawn {
        self.unstretched();
        let ((x, mut y), (mut dx, mut dy)) = self.beside(place);
        let near_the_foot = f64::from(self.frame.bottom() - place.1) / self.frame.scale;
        if (0.0..=NEAR_THE_FOOT).contains(&near_the_foot) {
            y = percent(1.0);
            dy -= near_the_foot;
        }
        let pos = style.anchor();
        let anchor = match pos.h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        // From the upper edge or the middle of a letter to the line that it stands on.
        let size = style.size() / self.frame.scale;
        dy += match pos.v_pos {
            VPos::Top => size * 0.95,
            VPos::Center => size * 0.35,
            VPos::Bottom => 0.0,
        };
        // No negative nothing.
        dx += 0.0;
        let class = Code::of(style.color()).ink.class();
        let _ = write!(
            self.out,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" dx=\"{}\" dy=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            number(dx),
            number(dy),
            escaped(text)
        );
        Ok(())
    }
}

/// CSS pixels: what is nearer than this to the foot keeps its distance from it.
const NEAR_THE_FOOT: f64 = 12.0;

/// `l` is drawn along, `a` is filled.
fn classes(form: &str, code: Code) -> String {
    let dashed = if code.dashed { " dashed" } else { "" };
    let strength = if code.alpha >= 1.0 {
        ""
    } else if code.alpha > 0.5 {
        " layer"
    } else {
        " band"
    };
    format!("{form} {}{dashed}{strength}", code.ink.class())
}

fn percent(part: f64) -> String {
    format!("{}%", number(part * 100.0))
}

fn number(value: f64) -> String {
    let text = fixed(value, 2);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Names are hostile.
fn escaped(text: &str) -> String {
    clean(text, 2000).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
