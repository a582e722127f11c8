//! Watches: asks every monitored database again and again, each on its own interval, through `service`.
