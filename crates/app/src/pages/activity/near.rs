//! Whether an element is near the window, from the browser's own observer: no work is done while nothing crosses.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{
    Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit, js_sys::Array,
};

/// Calls back whenever the element comes within `margin` (CSS, `600px 0px`) of the window or leaves that, with its
/// height in CSS pixels, and once at the start. It stops with the owner that called it. Call it in effects only:
/// what it keeps belongs to one thread, and the server's pages do not.
pub(super) fn watch(element: &Element, margin: &str, mut changed: impl FnMut(bool, f64) + 'static) {
    let callback = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
        // Of several crossings since the last call the newest counts.
        if let Ok(entry) =
            entries.get(entries.length().saturating_sub(1)).dyn_into::<IntersectionObserverEntry>()
        {
            changed(entry.is_intersecting(), entry.bounding_client_rect().height());
        }
    });
    let options = IntersectionObserverInit::new();
    options.set_root_margin(margin);
    let observer = IntersectionObserver::new_with_options(callback.as_ref().unchecked_ref(), &options);
    let Ok(observer) = observer else { return };
    observer.observe(element);
    // The closure lives as long as its observer.
    let kept = StoredValue::new_local((observer, callback));
    on_cleanup(move || {
        kept.try_with_value(|(observer, _)| observer.disconnect());
    });
}
