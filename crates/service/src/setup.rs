//! What would have to be set up on a server so that everything can be read.

use common::{ConnectionId, Problem, setup::Setup};
use probe::setup::{Login, advise as advise_on};

use crate::{Permission, Principal, Service, connections, health};

/// What keeps values of the last reading from being read, and the statements that mend it. Where there is no reading
/// yet, one is taken now.
pub async fn advise(service: &Service, who: &Principal, id: ConnectionId) -> Result<Setup, Problem> {
    who.require(Permission::Read)?;
    let connection = connections::get(service, who, id).await?;
    let health = health::read(service, who, id, false).await?;
    let login = Login { username: &connection.username, database_name: &connection.database_name };
    Ok(advise_on(&health, login))
}
