//! A chart as a file: its numbers, or a picture of it.

use charts::{Chart, Hidden};
use leptos::prelude::*;

use super::super::{Icon, IconName};

#[component]
pub(super) fn Files(
    #[prop(into)] chart: Signal<Chart>,
    hidden: RwSignal<Hidden>,
    id: &'static str,
    title: &'static str,
) -> impl IntoView {
    let numbers = move |_| browser::save_numbers(&chart.get_untracked(), id);
    let picture = move |_| browser::save_picture(&chart.get_untracked(), hidden.get_untracked(), id);
    view! {
        <span class="row chart__files js-only">
            <button type="button" class="btn btn--small btn--quiet btn--icon-s" title="The numbers as a CSV file" on:click=numbers>
                <Icon name=IconName::Download/>
                <span>"CSV"<span class="sr">": "{title}</span></span>
            </button>
            <button type="button" class="btn btn--small btn--quiet btn--icon-s" title="A picture of the chart" on:click=picture>
                <Icon name=IconName::Image/>
                <span>"PNG"<span class="sr">": "{title}</span></span>
            </button>
        </span>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
mod browser {
    use charts::{
        Chart, Hidden, Zone,
        canvas::{Palette, picture, png},
    };
    use leptos::prelude::{document, window};
    use wasm_bindgen::JsCast;
    use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

    /// CSS pixels of a picture.
    const SIZE: (f64, f64) = (1200.0, 420.0);

    pub(super) fn save_numbers(chart: &Chart, name: &str) {
        let options = BlobPropertyBag::new();
        options.set_type("text/csv;charset=utf-8");
        let parts = js_sys::Array::of1(&chart.csv().into());
        let Ok(blob) = Blob::new_with_str_sequence_and_options(&parts, &options) else { return };
        if let Ok(address) = Url::create_object_url_with_blob(&blob) {
            save(&address, &format!("{name}.csv"));
            let _ = Url::revoke_object_url(&address);
        }
    }

    pub(super) fn save_picture(chart: &Chart, hidden: Hidden, name: &str) {
        let drawn = || {
            let body = document().body()?;
            let palette = Palette::of_page(&body)?;
            let ground =
                window().get_computed_style(&body).ok()??.get_property_value("background-color").ok()?;
            let canvas = picture(chart, hidden, &Zone::utc(), &palette, &ground, SIZE)?;
            png(&canvas).ok()
        };
        if let Some(address) = drawn() {
            save(&address, &format!("{name}.png"));
        }
    }

    fn save(address: &str, name: &str) {
        let Some(link) =
            document().create_element("a").ok().and_then(|a| a.dyn_into::<HtmlAnchorElement>().ok())
        else {
            return;
        };
        link.set_href(address);
        link.set_download(name);
        link.click();
    }
}

/// Only the browser has files to save.
#[cfg(not(feature = "hydrate"))]
mod browser {
    use charts::{Chart, Hidden};

    pub(super) fn save_numbers(_: &Chart, _: &str) {}

    pub(super) fn save_picture(_: &Chart, _: Hidden, _: &str) {}
}
