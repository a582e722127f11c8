//! What happens, as it happens: every open page follows it.
//!
//! The stream itself is `live.js`, because tabs share it by means of the browser. A page says what it wants to hear of
//! ([`Live::on`]) and shows what an event holds at once; what it has to ask for it asks [`Soon`].

mod soon;

use std::cell::RefCell;

use chrono::{DateTime, Utc};
use common::{ConnectionId, ConnectionStatus, event::EventKind};
use leptos::prelude::*;
use wasm_bindgen::JsValue;

pub use self::soon::Soon;
use crate::wire;

/// One event.
#[derive(Debug)]
pub struct Event {
    pub kind: EventKind,
    /// None of what is about all of them.
    pub connection_id: Option<ConnectionId>,
    pub at: DateTime<Utc>,
    /// See [`common::event::EventData`].
    details: JsValue,
}

impl Event {
    pub fn number(&self, name: &str) -> Option<f64> {
        self.detail(name).as_f64()
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.detail(name).as_string()
    }

    /// Whether what is shown of this connection may be another now.
    pub fn is_of(&self, id: ConnectionId) -> bool {
        self.kind == EventKind::Resync || self.connection_id == Some(id)
    }

    /// How the connection stands, after a test or a reading.
    pub fn status(&self) -> Option<ConnectionStatus> {
        self.text("status")?.parse().ok()
    }

    /// Whether it is more than one more measurement: something stands otherwise than before, or all may.
    pub fn is_news(&self) -> bool {
        match self.kind {
            EventKind::ConnectionTestPassed
            | EventKind::ConnectionTestFailed
            | EventKind::ConnectionError
            | EventKind::Health => self.text("status") != self.text("was"),
            EventKind::Job => false,
            _ => true,
        }
    }

    fn detail(&self, name: &str) -> JsValue {
        js_sys::Reflect::get(&self.details, &name.into()).unwrap_or_default()
    }
}

/// How the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "on the server nothing is followed"))]
enum Standing {
    /// Nothing is known yet.
    Opening,
    Live,
    Reconnecting,
    /// Live after a break.
    LiveAgain,
}

/// The stream of this page. Get it by [`use_live`].
#[derive(Debug, Clone, Copy)]
pub struct Live(RwSignal<Standing>);

type Listener = std::rc::Rc<dyn Fn(&Event)>;

thread_local! {
    /// By number, in the order in which they came.
    static LISTENERS: RefCell<Vec<(u32, Listener)>> = const { RefCell::new(Vec::new()) };
    static NEXT: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Begins to follow, once the page is awake: from where the server stood before it read what the page shows.
pub(crate) fn provide_live() {
    let standing = RwSignal::new(Standing::Opening);
    provide_context(Live(standing));
    let since = wire::of_the_server(position);
    Effect::new(move |_| follow(since.as_deref(), standing));
}

#[cfg(feature = "ssr")]
fn position() -> Option<String> {
    use_context::<service::Service>().and_then(|service| service::events::position(&service))
}

#[cfg(not(feature = "ssr"))]
fn position() -> Option<String> {
    None
}

/// The stream of this page.
pub fn use_live() -> Live {
    expect_context()
}

impl Live {
    /// Hears every event for as long as the owner of this lives. Only in the browser.
    pub fn on(self, listener: impl Fn(&Event) + 'static) {
        if cfg!(not(feature = "hydrate")) {
            return;
        }
        let number = NEXT.replace(NEXT.get() + 1);
        LISTENERS.with_borrow_mut(|listeners| listeners.push((number, std::rc::Rc::new(listener))));
        on_cleanup(move || {
            LISTENERS.with_borrow_mut(|listeners| listeners.retain(|(known, _)| *known != number));
        });
    }
}

#[cfg(feature = "hydrate")]
fn tell(event: &Event) {
    let numbers: Vec<u32> =
        LISTENERS.with_borrow(|listeners| listeners.iter().map(|(number, _)| *number).collect());
    for number in numbers {
        // One may end another: what it would set is gone then.
        let listener = LISTENERS.with_borrow(|listeners| {
            listeners.iter().find(|(known, _)| *known == number).map(|(_, listener)| listener.clone())
        });
        if let Some(listener) = listener {
            listener(event);
        }
    }
}

#[cfg(feature = "hydrate")]
fn follow(since: Option<&str>, standing: RwSignal<Standing>) {
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen(module = "/src/live.js")]
    extern "C" {
        #[wasm_bindgen(js_name = follow)]
        fn follow_stream(
            since: Option<f64>,
            told: &Closure<dyn Fn(String, Option<f64>, f64, JsValue)>,
            stated: &Closure<dyn Fn(bool)>,
        );
    }

    let told = Closure::new(|kind: String, connection_id: Option<f64>, at: f64, details| {
        // A newer server may know more kinds.
        let Ok(kind) = kind.parse() else { return };
        tell(&Event {
            kind,
            connection_id: connection_id.map(|id| ConnectionId(id as i64)),
            at: DateTime::from_timestamp_millis(at as i64).unwrap_or_default(),
            details,
        });
    });
    let stated = Closure::new(move |live| {
        standing.update(|standing| {
            *standing = match (live, *standing) {
                (false, _) => Standing::Reconnecting,
                (true, Standing::Reconnecting | Standing::LiveAgain) => Standing::LiveAgain,
                (true, _) => Standing::Live,
            };
        });
    });
    follow_stream(since.and_then(|id| id.parse().ok()), &told, &stated);
    // They are called for as long as the page lives.
    told.forget();
    stated.forget();
}

#[cfg(not(feature = "hydrate"))]
fn follow(_: Option<&str>, _: RwSignal<Standing>) {}

/// A dot while the stream is open, and words when it is not.
#[component]
pub(crate) fn LiveStatus() -> impl IntoView {
    let Live(standing) = use_live();
    let (class, words) = (
        move || match standing.get() {
            Standing::Opening => "live",
            Standing::Live | Standing::LiveAgain => "live live--on",
            Standing::Reconnecting => "live live--off",
        },
        move || match standing.get() {
            Standing::Opening => "",
            Standing::Live | Standing::LiveAgain => "Live",
            Standing::Reconnecting => "Reconnecting…",
        },
    );
    // Read out only after a break: on every page it would be noise.
    let said = move || match standing.get() {
        Standing::Opening | Standing::Live => "",
        Standing::Reconnecting => "Reconnecting to the dashboard",
        Standing::LiveAgain => "Live again",
    };
    view! {
        <span class=move || class() aria-hidden="true">{move || words()}</span>
        <span class="sr" role="status">{move || said()}</span>
    }
}
