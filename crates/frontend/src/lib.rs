//! The browser's entry point, and nothing else: it wakes up the page that the server rendered.

use leptos::prelude::document;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page's script once the module is loaded. When everything responds, `<html>` gets `data-hydrated`: styles
/// then show what needs JavaScript, and browser tests wait for it.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(async {
        // Waits for the code of a lazy route before it hydrates, as `hydrate_lazy` does, but tells when it is done.
        let waking = leptos::mount::hydrate_from_async(leptos::tachys::dom::body(), app::App);
        // Boxed: the future holds the whole view.
        Box::pin(waking).await.forget();
        if let Some(html) = document().document_element() {
            let _ = html.set_attribute("data-hydrated", "");
        }
    });
}
