//! Routes that come and go.

use scenario::{AnnouncementId, Inject};

use super::Unmet;
use crate::supervisor::lab::Lab;
use crate::tell::Change;
use crate::ui;

pub(super) async fn announce(lab: &Lab, id: AnnouncementId) -> Result<String, Unmet> {
    let told = lab.tell_routes(id, Change::Announce).await;
    told.map_err(|e| Unmet::undone("the routes are announced", &e))
}

/// One after the other: they may be those of one speaker.
pub(super) async fn withdraw(lab: &Lab, all: &[AnnouncementId]) -> Result<String, Unmet> {
    let mut seen = Vec::new();
    for id in all {
        let told = lab.tell_routes(*id, Change::Withdraw).await;
        seen.push(told.map_err(|e| Unmet::undone("the routes are withdrawn", &e))?);
    }
    Ok(seen.join("; "))
}

pub(super) async fn inject(lab: &Lab, inject: &Inject) -> Result<String, Unmet> {
    let told = lab.tell_octets(inject).await;
    told.map_err(|e| Unmet::undone("the octets are sent", &e))?;
    let node = &lab.scenario[inject.on].name;
    let octets = ui::count(inject.octets.len(), "octet");
    let seen = format!("{octets} to {}", inject.to);
    lab.disturbed("inject", node, lab.at(), &seen);
    Ok(octets)
}
