//! Who asks, and what they may do. Every use case starts here.

use common::{Problem, ProblemCode};

/// Who asks for a use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The person at this machine. Until sign-in exists every caller is this one, and the server listens on
    /// loopback only.
    LocalAdmin,
    /// Work that no person asked for: what follows from a change, and what runs in the background.
    System,
}

/// What a use case needs its caller to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// See connections, measurements and findings.
    Read,
    /// Ask a target now, which costs the target something.
    Test,
    /// Add, change and delete connections.
    Change,
}

impl Principal {
    /// Who it is, for the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::LocalAdmin => "local-admin",
            Self::System => "system",
        }
    }

    /// Refuses with 403 unless this principal may.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        let may = match self {
            Self::LocalAdmin => true,
            // The dashboard itself measures; it never changes what people set up.
            Self::System => matches!(permission, Permission::Read | Permission::Test),
        };
        if may {
            Ok(())
        } else {
            Err(Problem::new(ProblemCode::Forbidden, "You may not do this.")
                .with_hint("Ask an administrator."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_measures_but_changes_nothing() {
        assert!(Principal::System.require(Permission::Test).is_ok());
        assert_eq!(Principal::System.require(Permission::Change).map_err(|p| p.status), Err(403));
        assert!(Principal::LocalAdmin.require(Permission::Change).is_ok());
    }
}
