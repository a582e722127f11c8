//! What needs a person, worst first, beside the list.

use common::Page;
use leptos::prelude::*;

use super::Overview;
use crate::components::{FindingCard, Skeleton};

#[component]
pub(super) fn FindingsPanel(overview: Overview) -> impl IntoView {
    view! {
        <section class="panel" id="findings" aria-labelledby="findings-h">
            <div class="panel__head">
                <h2 id="findings-h">"Latest findings"</h2>
            </div>
            <Transition fallback=|| view! { <Skeleton lines=4/> }>
                {move || overview.findings.get().map(|answer| match answer {
                        Ok(page) if page.items.is_empty() => {
                            view! { <p class="panel__body small muted">"Nothing needs you: all checks are within their limits."</p> }
                                .into_any()
                        }
                        Ok(Page { items, total, .. }) => {
                            let left = total.saturating_sub(items.len() as u64);
                            let foot = (left > 0).then(|| {
                                view! { <p class="panel__foot">{format!("{left} more on the pages of their connections")}</p> }.into_any()
                            });
                            let cards = items.into_iter().map(|finding| view! { <FindingCard finding/> }.into_any()).collect_view();
                            view! {
                                <ul>{cards}</ul>
                                {foot}
                            }
                            .into_any()
                        }
                        Err(_) => view! { <p class="panel__body small muted">"Findings cannot be read now."</p> }.into_any(),
                }).into_any()}
            </Transition>
        </section>
    }
}
