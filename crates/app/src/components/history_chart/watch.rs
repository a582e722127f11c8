//! What makes a canvas out of date though nothing was measured: another size, another sharpness, another theme.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{HtmlElement, MediaQueryList, MutationObserver, MutationObserverInit, ResizeObserver};

/// Calls until it is dropped.
pub(super) struct Watch {
    resize: ResizeObserver,
    theme: Option<MutationObserver>,
    system: Option<MediaQueryList>,
    on_system: Closure<dyn FnMut()>,
    _on_resize: Closure<dyn FnMut()>,
    _on_theme: Closure<dyn FnMut()>,
}

impl Watch {
    /// `resized` is also called once at the beginning.
    pub(super) fn of(
        element: &HtmlElement,
        resized: impl Fn() + 'static,
        theme_changed: impl Fn() + Clone + 'static,
    ) -> Option<Self> {
        let on_resize = Closure::<dyn FnMut()>::new(resized);
        let resize = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).ok()?;
        resize.observe(element);

        let on_theme = Closure::<dyn FnMut()>::new(theme_changed.clone());
        let theme = MutationObserver::new(on_theme.as_ref().unchecked_ref()).ok();
        let root = leptos::prelude::document().document_element();
        if let Some((theme, root)) = theme.as_ref().zip(root) {
            let options = MutationObserverInit::new();
            options.set_attributes(true);
            options.set_attribute_filter(&js_sys::Array::of1(&"data-theme".into()));
            let _ = theme.observe_with_options(&root, &options);
        }

        let on_system = Closure::<dyn FnMut()>::new(theme_changed);
        let system = leptos::prelude::window().match_media("(prefers-color-scheme: dark)").ok().flatten();
        if let Some(system) = &system {
            let _ = system.add_event_listener_with_callback("change", on_system.as_ref().unchecked_ref());
        }
        Some(Self { resize, theme, system, on_system, _on_resize: on_resize, _on_theme: on_theme })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.resize.disconnect();
        if let Some(theme) = &self.theme {
            theme.disconnect();
        }
        if let Some(system) = &self.system {
            let _ =
                system.remove_event_listener_with_callback("change", self.on_system.as_ref().unchecked_ref());
        }
    }
}
