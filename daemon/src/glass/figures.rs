//! The core's figures, for `/metrics`.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use dataplane::Figures;

use crate::{
    core::Core,
    metrics::{Kind, Page},
};

const STATES: [&str; 6] = [
    "Idle",
    "Connect",
    "Active",
    "OpenSent",
    "OpenConfirm",
    "Established",
];

/// Writes what the core can count.
pub fn figures(core: &Core, page: &mut Page) {
    page.family(
        "bagpipe_build_info",
        Kind::Gauge,
        "The version, with the value 1.",
    )
    .sample(&[("version", env!("CARGO_PKG_VERSION"))], true);
    sessions(core, page);
    tables(core, page);
    drivers(core, page);
    page.single(
        "bagpipe_operations_waiting",
        Kind::Gauge,
        "Attaches and detaches that wait for those before them.",
        core.waiting_operations(),
    );
    if let Some(store) = core.store_figures() {
        page.single(
            "bagpipe_persist_errors_total",
            Kind::Counter,
            "Attempts to write attachments to the file of `persist` that failed.",
            store.errors.load(Ordering::Relaxed),
        );
        page.single(
            "bagpipe_persist_unwritten",
            Kind::Gauge,
            "Changes of attachments that a restart would not know of.",
            store.owed.load(Ordering::Relaxed),
        );
    }
    page.single(
        "bagpipe_log_warnings",
        Kind::Gauge,
        "Warnings and errors that the looking glass shows, 100 at most.",
        core.memory.len(),
    );
}

fn sessions(core: &Core, page: &mut Page) {
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    for peer in core.peers.values() {
        *states.entry(peer.state.to_string()).or_default() += 1;
    }
    page.family("bagpipe_bgp_sessions", Kind::Gauge, "Sessions by state.");
    for state in STATES {
        page.sample(&[("state", state)], states.get(state).copied().unwrap_or(0));
    }
    let peers: Vec<_> = core
        .peers
        .values()
        .map(|peer| (peer.address.to_string(), peer))
        .collect();
    page.family(
        "bagpipe_bgp_session_up",
        Kind::Gauge,
        "Whether the session with a peer is Established.",
    );
    for (address, peer) in &peers {
        page.sample(&[("peer", address.as_str())], peer.uptime().is_some());
    }
    page.family(
        "bagpipe_bgp_session_flaps_total",
        Kind::Counter,
        "How often the session with a peer has left Established.",
    );
    for (address, peer) in &peers {
        page.sample(&[("peer", address.as_str())], peer.flaps());
    }
    page.family(
        "bagpipe_bgp_messages_total",
        Kind::Counter,
        "Messages of a peer and to it.",
    );
    for (address, peer) in &peers {
        let received = peer.messages().received().map(|count| ("received", count));
        let sent = peer.messages().sent().map(|count| ("sent", count));
        for (direction, (kind, count)) in received.chain(sent) {
            let labels = [
                ("peer", address.as_str()),
                ("direction", direction),
                ("type", kind),
            ];
            page.sample(&labels, count);
        }
    }
    page.family(
        "bagpipe_bgp_prefixes_total",
        Kind::Counter,
        "Prefixes that a peer announced and withdrew, each time.",
    );
    for (address, peer) in &peers {
        for (action, count) in [
            ("announced", peer.prefixes.announced),
            ("withdrawn", peer.prefixes.withdrawn),
        ] {
            page.sample(&[("peer", address.as_str()), ("action", action)], count);
        }
    }
}

fn tables(core: &Core, page: &mut Page) {
    page.family(
        "bagpipe_routes",
        Kind::Gauge,
        "Routes in the table, by family and by whether a peer told of them.",
    );
    for (family, (local, received)) in core.speaker.table().counts_by_family() {
        let family = family.to_string();
        for (source, count) in [("local", local), ("peer", received)] {
            page.sample(&[("family", family.as_str()), ("source", source)], count);
        }
    }
    let mut instances = BTreeMap::from([("evpn".to_owned(), 0_u64), ("ipvpn".to_owned(), 0)]);
    let mut attachments = instances.clone();
    let vpns = core.speaker.vpns();
    for instance in vpns.instances() {
        *instances.entry(instance.kind.to_string()).or_default() += 1;
    }
    for (kind, count) in vpns.endpoint_counts() {
        *attachments.entry(kind.to_string()).or_default() += u64::try_from(count).unwrap_or(0);
    }
    page.family("bagpipe_instances", Kind::Gauge, "VPN instances by type.");
    for (kind, count) in &instances {
        page.sample(&[("type", kind.as_str())], *count);
    }
    page.family(
        "bagpipe_attachments",
        Kind::Gauge,
        "Attached endpoints by type.",
    );
    for (kind, count) in &attachments {
        page.sample(&[("type", kind.as_str())], *count);
    }
}

fn drivers(core: &Core, page: &mut Page) {
    let mut drivers: Vec<(&str, Figures)> = vec![("evpn", core.driver.figures())];
    if let Some(driver) = &core.ipvpn {
        drivers.push(("ipvpn", driver.figures()));
    }
    page.family(
        "bagpipe_driver_pending",
        Kind::Gauge,
        "Changes that the dataplane has not taken yet, by whether it refused them before.",
    );
    for (kind, figures) in &drivers {
        for (state, count) in [("new", figures.pending), ("retry", figures.retrying)] {
            page.sample(&[("type", *kind), ("state", state)], count);
        }
    }
    page.family(
        "bagpipe_driver_errors_total",
        Kind::Counter,
        "Changes that the dataplane refused.",
    );
    for (kind, figures) in &drivers {
        page.sample(&[("type", *kind)], figures.errors);
    }
    page.family(
        "bagpipe_driver_change_seconds",
        Kind::Histogram,
        "How long the dataplane took for a change.",
    );
    for (kind, figures) in &drivers {
        let mut sum = 0;
        for (bound, count) in Figures::BOUNDS.iter().zip(figures.buckets) {
            sum += count;
            let bound = bound.as_secs_f64().to_string();
            page.sample_of("_bucket", &[("type", *kind), ("le", bound.as_str())], sum);
        }
        page.sample_of(
            "_bucket",
            &[("type", *kind), ("le", "+Inf")],
            figures.changes,
        );
        page.sample_of("_sum", &[("type", *kind)], figures.time.as_secs_f64());
        page.sample_of("_count", &[("type", *kind)], figures.changes);
    }
}
