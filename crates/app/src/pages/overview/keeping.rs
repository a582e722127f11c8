//! What a person must know of the dashboard itself: that measurements are lost, or soon would be.

use crate::{
    components::{Notice, Tone},
    rpc::overview::{Keeping, Numbers},
};
use leptos::prelude::*;

/// Nothing while all is well.
#[component]
pub(super) fn KeepingNotice(numbers: Memo<Option<Numbers>>) -> impl IntoView {
    let keeping = Memo::new(move |_| numbers.get().map(|numbers| numbers.keeping).unwrap_or_default());
    view! {
        {move || words(keeping.get()).map(|(title, what)| {
            view! { <Notice tone=Tone::Warn title><p>{what}</p></Notice> }.into_any()
        }).into_any()}
    }
}

fn words(Keeping { no_disk, lost }: Keeping) -> Option<(String, String)> {
    let title = match (no_disk, lost) {
        (false, 0) => return None,
        (true, _) => "The dashboard’s disk takes no measurements".to_owned(),
        (false, 1) => "One measurement was lost".to_owned(),
        (false, _) => format!("{lost} measurements were lost"),
    };
    let what = match (no_disk, lost) {
        (true, 0) => "They go straight to its database. While that is away, they would be lost. Is the disk of the data folder full?".to_owned(),
        (true, _) => format!("{lost} are lost already, because its database was away as well. Is the disk of the data folder full?"),
        (false, _) => "The dashboard’s own database was away for longer than the spool could hold.".to_owned(),
    };
    Some((title, what))
}
