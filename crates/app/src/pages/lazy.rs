//! Pages whose code is loaded when they are first visited, because most visits need only one or two of them.
//!
//! Only a build by `cargo leptos --split` can take code apart; elsewhere code that is marked for it would leave the
//! page's script with an import that leads nowhere. Hence the feature `split`, without which these are ordinary routes.

/// A page that shows what came of a form: the struct and its route. It draws itself by `fn into_view(self) -> AnyView`.
///
/// It is made with its view, not by `data` as the route is entered: what `data` reads is in the first page's script.
macro_rules! lazy_page {
    ($(#[$about:meta])* $page:ident) => {
        $(#[$about])*
        #[derive(Debug)]
        pub struct $page {
            outcome: Option<$crate::outcome::FormOutcome>,
        }

        impl $page {
            fn with_outcome(self) -> Self {
                Self { outcome: self.outcome.or_else($crate::outcome::use_form_outcome) }
            }
        }

        #[cfg_attr(feature = "split", leptos_router::lazy_route)]
        impl leptos_router::LazyRoute for $page {
            fn data() -> Self {
                Self { outcome: None }
            }

            // The attribute makes it async.
            #[cfg(feature = "split")]
            fn view(this: Self) -> leptos::prelude::AnyView {
                this.with_outcome().into_view()
            }

            #[cfg(not(feature = "split"))]
            async fn view(this: Self) -> leptos::prelude::AnyView {
                this.with_outcome().into_view()
            }
        }
    };
}
pub(super) use lazy_page;
