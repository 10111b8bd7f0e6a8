//! Lists of everything there is, for programs. The core gives away what they are made of; what programs read is made of it bit by
//! bit elsewhere.

use std::{sync::Arc, vec::IntoIter};

use bagpipe_api::{AttachBody, HeldRoute};
use bgp_rib::{Route, WorkerId};
use bgp_wire::RouteTarget;

use super::{Core, convert};

/// Every attachment, as the body that attaches it again.
#[derive(Debug)]
pub struct Attachments(IntoIter<vpn::AttachRequest>);

impl Iterator for Attachments {
    type Item = AttachBody;

    fn next(&mut self) -> Option<AttachBody> {
        self.0.next().map(|request| convert::body(&request))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// Routes of peers, and those of instances that another instance imports; or every route.
#[derive(Debug)]
pub struct HeldRoutes {
    routes: IntoIter<(WorkerId, Arc<Route>)>,
    instances: Vec<Importer>,
    all: bool,
}

#[derive(Debug)]
struct Importer {
    worker: WorkerId,
    name: String,
    targets: Vec<RouteTarget>,
}

impl HeldRoutes {
    fn importers(&self, source: WorkerId, route: &Route) -> Vec<String> {
        let targets = route.route_targets();
        let imports = |instance: &&Importer| {
            instance.worker != source
                && targets
                    .iter()
                    .any(|target| instance.targets.contains(target))
        };
        let importers = self.instances.iter().filter(imports);
        importers.map(|instance| instance.name.clone()).collect()
    }
}

impl Iterator for HeldRoutes {
    type Item = HeldRoute;

    fn next(&mut self) -> Option<HeldRoute> {
        loop {
            let (source, route) = self.routes.next()?;
            let instances = self.importers(source, &route);
            if self.all || matches!(source, WorkerId::Peer(_)) || !instances.is_empty() {
                return Some(HeldRoute {
                    source: source.to_string(),
                    instances,
                    nlri: route.nlri().to_owned(),
                    next_hop: route.next_hop().clone(),
                    attributes: route.attributes().clone(),
                });
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.routes.len()))
    }
}

impl Core {
    pub(super) fn attachments(&self) -> Attachments {
        let attachments: Vec<_> = self.speaker.vpns().attachments().collect();
        Attachments(attachments.into_iter())
    }

    pub(super) fn held_routes(&self, all: bool) -> HeldRoutes {
        let routes = self.speaker.table().routes();
        let routes: Vec<_> = routes
            .map(|(source, route)| (source, Arc::clone(route)))
            .collect();
        let instances = self.speaker.vpns().instances();
        let instances = instances.map(|instance| Importer {
            worker: instance.worker,
            name: instance.external_id,
            targets: instance.import,
        });
        HeldRoutes {
            routes: routes.into_iter(),
            instances: instances.collect(),
            all,
        }
    }
}
