//! The lab as it is now, while its scenario changes.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::Path;
use std::rc::Rc;

use scenario::Wait;
use tokio::sync::{RwLock, RwLockReadGuard};

use super::change::{self, ChangeError, Planned};
use super::lab::Lab;
use super::observing::converged;
use crate::plan::{Change, Undone};
use crate::state::{About, StateError};

/// A lab that stands. Changing it waits until all that is being done to it is done, and the other way round.
pub(super) struct Standing {
    lab: RefCell<Rc<Lab>>,
    /// What the last change has left undone.
    undone: RefCell<Undone>,
    gate: RwLock<()>,
    driven: Cell<bool>,
}

/// Held while the lab comes up and while steps are done to it.
pub(super) struct Driven<'a>(&'a Cell<bool>);

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Standing {
    pub(super) fn new(lab: Rc<Lab>) -> Self {
        Self {
            lab: RefCell::new(lab),
            undone: RefCell::default(),
            gate: RwLock::new(()),
            driven: Cell::new(false),
        }
    }

    /// The lab at this moment.
    pub(super) fn now(&self) -> Rc<Lab> {
        Rc::clone(&self.lab.borrow())
    }

    /// The lab, which stays as it is until the guard goes.
    pub(super) async fn steady(&self) -> (RwLockReadGuard<'_, ()>, Rc<Lab>) {
        let guard = self.gate.read().await;
        (guard, self.now())
    }

    /// Until this is dropped, the scenario cannot be changed.
    pub(super) fn drive(&self) -> Driven<'_> {
        self.driven.set(true);
        Driven(&self.driven)
    }

    /// What would have to be done to turn the lab into the scenario at `resolved`, which came from `file`.
    pub(super) async fn plan(
        &self,
        file: &Path,
        resolved: &Path,
    ) -> Result<Vec<Change>, ChangeError> {
        let (_guard, lab) = self.steady().await;
        Ok(self.prepare(&lab, file, resolved)?.changes)
    }

    /// Does it. What was done.
    pub(super) async fn change(
        &self,
        file: &Path,
        resolved: &Path,
    ) -> Result<Vec<Change>, ChangeError> {
        let guard = self.gate.write().await;
        let old = self.now();
        if self.driven.get() {
            return Err(ChangeError::Driven(old.scenario.lab.name.clone()));
        }
        let planned = self.prepare(&old, file, resolved)?;
        let made = change::make(&old, &planned).await;
        let kept = made.lab.dir.scenario();
        let listed = list_anew(&made.lab);
        self.lab.replace(Rc::new(made.lab));
        self.undone.replace(made.undone);
        made.outcome?;
        listed?;
        fs::rename(resolved, &kept).map_err(|source| ChangeError::Unreadable {
            path: resolved.to_owned(),
            source,
        })?;
        // Whoever asks meanwhile is answered.
        drop(guard);
        let lab = self.now();
        if lab.scenario.lab.wait == Wait::Converged && !planned.changes.is_empty() {
            converged(&lab).await?;
        }
        Ok(planned.changes)
    }

    fn prepare(&self, lab: &Lab, file: &Path, resolved: &Path) -> Result<Planned, ChangeError> {
        let own = Path::new(&lab.file).file_name().unwrap_or_default();
        let own = lab.base.join(own);
        if own != file {
            return Err(ChangeError::OtherFile {
                lab: lab.scenario.lab.name.clone(),
                file: own.display().to_string(),
            });
        }
        let undone = self.undone.borrow().clone();
        change::prepare(lab, undone, change::read_scenario(resolved)?)
    }
}

/// Has `labgen list` say of the lab what it is now, whether its change was made or stopped halfway.
fn list_anew(lab: &Lab) -> Result<(), StateError> {
    let Some(about) = lab.dir.about() else {
        return Ok(());
    };
    lab.dir.note(&About {
        nodes: lab.scenario.nodes.len(),
        ..about
    })
}
