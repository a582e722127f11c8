//! Drawing on a page's canvas: plotters' canvas backend, told what the inks look like in the page's theme.
//!
//! Beside its colours that backend does not know dashes and hatching, so they are set on the context around its calls.

use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontFamily,
    FontStyle, FontTransform, text_anchor::Pos,
};
use plotters_canvas::CanvasBackend;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasPattern, CanvasRenderingContext2d, HtmlCanvasElement, HtmlElement};

use crate::{
    chart::Chart,
    drawing::{Drawing, Hidden},
    frame::Frame,
    ink::{Code, Ink, Theme},
    zone::Zone,
};

/// CSS pixels that a root font size of 16 px is made for.
const USUAL_FONT_SIZE: f64 = 16.0;

/// What the inks look like on a page now.
#[derive(Debug, Clone)]
pub struct Palette {
    colours: [(u8, u8, u8); Ink::ALL.len()],
    font: String,
    /// How much larger than usual the page's letters are.
    zoom: f64,
}

impl Palette {
    /// Asks the style sheet, by a child of `place` that has the class of each ink in turn.
    pub fn of_page(place: &HtmlElement) -> Option<Self> {
        let window = web_sys::window()?;
        let document = window.document()?;
        let probe = document.create_element("i").ok()?;
        place.append_child(&probe).ok()?;
        let mut colours = [(0, 0, 0); Ink::ALL.len()];
        for (ink, colour) in Ink::ALL.into_iter().zip(&mut colours) {
            probe.set_class_name(&format!("chart__probe {}", ink.class()));
            let computed = window.get_computed_style(&probe).ok().flatten();
            let text = computed.and_then(|style| style.get_property_value("color").ok());
            *colour = text.as_deref().and_then(rgb).unwrap_or_default();
        }
        probe.remove();
        let style = window.get_computed_style(place).ok()??;
        let font = style.get_property_value("font-family").ok()?;
        let root = window.get_computed_style(&document.document_element()?).ok()??;
        let size: f64 = root.get_property_value("font-size").ok()?.strip_suffix("px")?.parse().ok()?;
        Some(Self { colours, font, zoom: size / USUAL_FONT_SIZE })
    }

    fn colour(&self, code: Code) -> BackendColor {
        BackendColor {
            alpha: code.alpha,
            rgb: self.colours.get(code.ink as usize).copied().unwrap_or_default(),
        }
    }
}

/// The first three numbers of `rgb(70, 104, 224)` or `rgba(…)`.
fn rgb(text: &str) -> Option<(u8, u8, u8)> {
    let (_, numbers) = text.split_once('(')?;
    let mut numbers = numbers.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?, next()?))
}

/// The two layers of a chart, one above the other, larger than the plotting area by the room for labels.
#[derive(Debug, Clone)]
pub struct Layers {
    pub axes: HtmlCanvasElement,
    pub series: HtmlCanvasElement,
}

impl Layers {
    /// Draws both where `area` is the plotting area; where that is, in pixels of the screen.
    pub fn draw(
        &self,
        area: &HtmlElement,
        chart: &Chart,
        hidden: Hidden,
        zone: &Zone,
        palette: &Palette,
    ) -> Option<Frame> {
        let ratio = web_sys::window()?.device_pixel_ratio().max(1.0);
        let (outer, inner) = (self.axes.get_bounding_client_rect(), area.get_bounding_client_rect());
        if inner.width() < 1.0 || inner.height() < 1.0 {
            return None;
        }
        let mut frame = Frame::of_screen(
            inner.left() - outer.left(),
            inner.top() - outer.top(),
            inner.width(),
            inner.height(),
            ratio,
        );
        frame.scale *= palette.zoom;
        let size = ((outer.width() * ratio).round() as u32, (outer.height() * ratio).round() as u32);
        let drawing = Drawing::new(chart, frame, hidden, zone, Theme::Coded, &palette.font);
        for canvas in [&self.axes, &self.series] {
            prepare(canvas, size)?;
        }
        drawing.axes(&mut Themed::on(&self.axes, palette, ratio)?).ok()?;
        drawing.series(&mut Themed::on(&self.series, palette, ratio)?).ok()?;
        Some(frame)
    }
}

/// A picture of a chart on a ground of its own, for a file.
pub fn picture(
    chart: &Chart,
    hidden: Hidden,
    zone: &Zone,
    palette: &Palette,
    ground: &str,
    (width, height): (f64, f64),
) -> Option<HtmlCanvasElement> {
    const RATIO: f64 = 2.0;
    let canvas: HtmlCanvasElement =
        web_sys::window()?.document()?.create_element("canvas").ok()?.dyn_into().ok()?;
    prepare(&canvas, ((width * RATIO) as u32, (height * RATIO) as u32))?;
    let context = context(&canvas)?;
    context.set_fill_style_str(ground);
    context.fill_rect(0.0, 0.0, width * RATIO, height * RATIO);
    let frame = Frame::of_screen(64.0, 20.0, width - 84.0, height - 54.0, RATIO);
    let drawing = Drawing::new(chart, frame, hidden, zone, Theme::Coded, &palette.font);
    let mut backend = Themed::on(&canvas, palette, RATIO)?;
    drawing.axes(&mut backend).ok()?;
    drawing.series(&mut backend).ok()?;
    Some(canvas)
}

fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok()??.dyn_into().ok()
}

/// Empty, and of that size in pixels.
fn prepare(canvas: &HtmlCanvasElement, (width, height): (u32, u32)) -> Option<()> {
    if (canvas.width(), canvas.height()) == (width, height) {
        context(canvas)?.clear_rect(0.0, 0.0, f64::from(width), f64::from(height));
    } else {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    let context = context(canvas)?;
    context.set_line_join("round");
    context.set_line_cap("round");
    Some(())
}

/// plotters' canvas, which gets colours for the inks.
struct Themed<'a> {
    canvas: CanvasBackend,
    context: CanvasRenderingContext2d,
    palette: &'a Palette,
    ratio: f64,
}

struct Coloured {
    colour: BackendColor,
    width: u32,
}

impl BackendStyle for Coloured {
    fn color(&self) -> BackendColor {
        self.colour
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

type Drawn = Result<(), DrawingErrorKind<<CanvasBackend as DrawingBackend>::ErrorType>>;

impl<'a> Themed<'a> {
    fn on(canvas: &HtmlCanvasElement, palette: &'a Palette, ratio: f64) -> Option<Self> {
        let context = context(canvas)?;
        Some(Self { canvas: CanvasBackend::with_canvas_object(canvas.clone())?, context, palette, ratio })
    }

    fn coloured<S: BackendStyle>(&self, style: &S) -> (Code, Coloured) {
        let code = Code::of(style.color());
        (code, Coloured { colour: self.palette.colour(code), width: style.stroke_width() })
    }

    /// With dashes, if that is what the code says.
    fn stroke(&mut self, code: Code, draw: impl FnOnce(&mut CanvasBackend) -> Drawn) -> Drawn {
        if !code.dashed {
            return draw(&mut self.canvas);
        }
        let dashes = js_sys::Array::of2(&(4.0 * self.ratio).into(), &(3.0 * self.ratio).into());
        let _ = self.context.set_line_dash(&dashes);
        self.context.set_line_cap("butt");
        let drawn = draw(&mut self.canvas);
        let _ = self.context.set_line_dash(&js_sys::Array::new());
        self.context.set_line_cap("round");
        drawn
    }

    fn hatching(&self) -> Option<CanvasPattern> {
        let side = 6.0 * self.ratio;
        let tile: HtmlCanvasElement =
            web_sys::window()?.document()?.create_element("canvas").ok()?.dyn_into().ok()?;
        tile.set_width(side as u32);
        tile.set_height(side as u32);
        let context = context(&tile)?;
        let (r, g, b) = self.palette.colour(Code { ink: Ink::Gap, dashed: false, alpha: 1.0 }).rgb;
        context.set_stroke_style_str(&format!("rgb({r},{g},{b})"));
        context.set_line_width(self.ratio);
        context.begin_path();
        // Three strokes, so that they meet at the edges of the tiles.
        for shift in [-side, 0.0, side] {
            context.move_to(shift - 1.0, side + 1.0);
            context.line_to(shift + side + 1.0, -1.0);
        }
        context.stroke();
        self.context.create_pattern_with_html_canvas_element(&tile, "repeat").ok()?
    }
}

impl DrawingBackend for Themed<'_> {
    type ErrorType = <CanvasBackend as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.canvas.get_size()
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Drawn {
        self.canvas.draw_pixel(point, self.palette.colour(Code::of(colour)))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let (code, style) = self.coloured(style);
        self.stroke(code, |canvas| canvas.draw_line(from, to, &style))
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (code, style) = self.coloured(style);
        if code.ink == Ink::Gap {
            if let Some(hatching) = self.hatching() {
                self.context.set_fill_style_canvas_pattern(&hatching);
                self.context.fill_rect(
                    f64::from(from.0),
                    f64::from(from.1),
                    f64::from(to.0 - from.0),
                    f64::from(to.1 - from.1),
                );
            }
            return Ok(());
        }
        self.canvas.draw_rect(from, to, &style, fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let (code, style) = self.coloured(style);
        self.stroke(code, |canvas| canvas.draw_path(path, &style))
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (_, style) = self.coloured(style);
        self.canvas.draw_circle(center, radius, &style, fill)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        edge: I,
        style: &S,
    ) -> Drawn {
        let (_, style) = self.coloured(style);
        self.canvas.fill_polygon(edge, &style)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, place: BackendCoord) -> Drawn {
        let colour = self.palette.colour(Code::of(style.color()));
        self.canvas.draw_text(text, &Worded { style, colour }, place)
    }
}

/// A style of text with another colour.
struct Worded<'a, S> {
    style: &'a S,
    colour: BackendColor,
}

impl<S: BackendTextStyle> BackendTextStyle for Worded<'_, S> {
    type FontError = S::FontError;

    fn color(&self) -> BackendColor {
        self.colour
    }

    fn size(&self) -> f64 {
        self.style.size()
    }

    fn transform(&self) -> FontTransform {
        self.style.transform()
    }

    fn style(&self) -> FontStyle {
        self.style.style()
    }

    fn anchor(&self) -> Pos {
        self.style.anchor()
    }

    fn family(&self) -> FontFamily<'_> {
        self.style.family()
    }

    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Self::FontError> {
        self.style.layout_box(text)
    }

    fn draw<E, F: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        place: BackendCoord,
        draw: F,
    ) -> Result<Result<(), E>, Self::FontError> {
        self.style.draw(text, place, draw)
    }
}

/// The picture as the address of a file.
pub fn png(canvas: &HtmlCanvasElement) -> Result<String, JsValue> {
    canvas.to_data_url()
}
