//! Asking again because something happened: soon, not for each event, and never twice at the same time.

use std::{cell::Cell, future::Future, pin::Pin, rc::Rc, time::Duration};

use leptos::{leptos_dom::helpers::set_timeout, task::spawn_local};

/// Between the end of one and the beginning of the next.
const PAUSE_MS: f64 = 500.0;

type Work = dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// Something to do when it is asked for.
#[derive(Clone)]
pub struct Soon(Rc<Inner>);

struct Inner {
    work: Box<Work>,
    busy: Cell<bool>,
    /// Until when it should be done, by the browser's clock.
    due_ms: Cell<Option<f64>>,
}

impl std::fmt::Debug for Soon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Soon")
    }
}

impl Soon {
    /// `work` sets signals only by `try_set`: the page may be gone when it has its answer.
    pub fn new<F: Future<Output = ()> + 'static>(work: impl Fn() -> F + 'static) -> Self {
        let work = Box::new(move || Box::pin(work()) as Pin<Box<dyn Future<Output = ()>>>);
        Self(Rc::new(Inner { work, busy: Cell::new(false), due_ms: Cell::new(None) }))
    }

    /// Does it within `delay_ms`; whoever asks meanwhile is served by the same.
    pub fn ask(&self, delay_ms: f64) {
        let due = now_ms() + delay_ms;
        if self.0.due_ms.get().is_some_and(|before| before <= due) {
            return;
        }
        self.0.due_ms.set(Some(due));
        if !self.0.busy.get() {
            self.look_in(delay_ms);
        }
    }

    fn look_in(&self, delay_ms: f64) {
        let soon = self.clone();
        if delay_ms <= 0.0 {
            soon.look();
        } else {
            set_timeout(move || soon.look(), Duration::from_millis(delay_ms as u64 + 1));
        }
    }

    fn look(&self) {
        let is_due = self.0.due_ms.get().is_some_and(|due| due <= now_ms());
        if self.0.busy.get() || !is_due {
            return;
        }
        self.0.due_ms.set(None);
        self.0.busy.set(true);
        let soon = self.clone();
        spawn_local(async move {
            (soon.0.work)().await;
            let pause = soon.clone();
            set_timeout(
                move || {
                    pause.0.busy.set(false);
                    if let Some(due) = pause.0.due_ms.get() {
                        pause.look_in(due - now_ms());
                    }
                },
                Duration::from_millis(PAUSE_MS as u64),
            );
        });
    }
}

fn now_ms() -> f64 {
    js_sys::Date::now()
}
