//! The root, `config` and `logs`.

use bgp_session::State;
use serde_json::{Value, json};

use super::{Glass, Member, Node};
use crate::{
    config::{Config, EvpnDriver, IpvpnDriver, PeerName},
    logging::Record,
    privileges,
};

impl<'a> Glass<'a> {
    pub(super) fn root(&'a self) -> Node<'a> {
        Node::Object(vec![
            ("summary", Member::value(self.summary())),
            (
                "config",
                Member::link(|| Node::Value(config(&self.core.config))),
            ),
            ("bgp", Member::link(|| self.bgp())),
            ("vpns", Member::link(|| self.vpns())),
            ("logs", Member::link(|| self.logs(None))),
            ("process", Member::link(|| Node::Value(process()))),
        ])
    }

    fn summary(&self) -> Value {
        let counts = self.core.speaker.table().counts();
        let is_up = |state: State| state == State::Established;
        json!({
            "BGP_established_peers": self.core.peers.values().filter(|p| is_up(p.state)).count(),
            "route_counts": self.route_counts(),
            "vpn_instances_count": self.core.speaker.vpns().instances().count(),
            "warnings_and_errors": self.core.memory.len(),
            "start_time": self.core.started.seconds(),
            "version": env!("CARGO_PKG_VERSION"),
            // Older clients look for these here.
            "local_routes_count": counts.local,
            "received_routes_count": counts.received,
        })
    }

    pub(super) fn route_counts(&self) -> Value {
        let counts = self.core.speaker.table().counts();
        json!({"local_routes_count": counts.local, "received_routes_count": counts.received})
    }

    /// The last warnings, of one worker or of the whole process.
    pub(super) fn logs(&self, worker: Option<&str>) -> Node<'a> {
        let records = self.core.memory.records();
        let shown = records
            .iter()
            .filter(|record| worker.is_none() || record.worker.as_deref() == worker)
            .map(|record| log(record, worker.is_none()));
        Node::Value(shown.collect())
    }
}

fn log(record: &Record, with_name: bool) -> Value {
    let Record {
        level,
        time,
        name,
        message,
        ..
    } = record;
    if with_name {
        json!({"level": level, "time": time, "name": name, "message": message})
    } else {
        json!({"level": level, "time": time, "message": message})
    }
}

fn names(peers: &[PeerName]) -> Vec<String> {
    peers.iter().map(PeerName::to_string).collect()
}

fn process() -> Value {
    let (capabilities, no_new_privileges) = privileges::shown();
    json!({
        "pid": std::process::id(),
        "capabilities": capabilities,
        "no_new_privileges": no_new_privileges,
    })
}

fn config(config: &Config) -> Value {
    let Config {
        common,
        api,
        bgp,
        evpn,
        ipvpn,
        ..
    } = config;
    let mut evpn_section = json!({
        "dataplane_local_address": evpn.local_address.as_ref().map(ToString::to_string),
        "dataplane_driver": evpn.driver.to_string(),
        "stale_time": evpn.stale_time.as_secs_f64(),
        "duplicate_mac_moves": evpn.duplicates.moves,
        "duplicate_mac_window": evpn.duplicates.window.as_secs_f64(),
        "duplicate_mac_hold": evpn.duplicates.hold.map_or(0.0, |hold| hold.as_secs_f64()),
    });
    if evpn.driver == EvpnDriver::Linux {
        evpn_section["vxlan_dst_port"] = evpn.vxlan_dst_port.into();
        evpn_section["mac_ageing_time"] =
            json!(evpn.mac_ageing_time.map(|time| time.as_secs_f64()));
        evpn_section["mac_learning_limit"] = evpn.mac_learning_limit.into();
    }
    let mut ipvpn_section = json!({
        "dataplane_local_address": ipvpn.local_address.as_ref().map(ToString::to_string),
        "dataplane_driver": ipvpn.driver.to_string(),
        "redirect_instances": ipvpn.redirect_instances,
    });
    if ipvpn.driver == IpvpnDriver::LinuxVxlan {
        ipvpn_section["vxlan_dst_port"] = ipvpn.vxlan_dst_port.into();
    }
    json!({
        "COMMON": {
            "root_helper": common.root_helper,
            "root_helper_daemon": common.root_helper_daemon,
            "persist": common.persist,
            "persist_confirm_time": common.persist_confirm_time.map_or(0.0, |time| time.as_secs_f64()),
            "keep_forwarding": common.keep_forwarding,
        },
        "API": {
            "host": api.host,
            "port": api.port,
            "socket_mode": format!("{:o}", api.socket_mode),
            "token_file": api.token_file,
            "tls_cert": api.tls.as_ref().map(|tls| &tls.cert),
            "tls_key": api.tls.as_ref().map(|tls| &tls.key),
            "client_ca": api.tls.as_ref().and_then(|tls| tls.client_ca.as_ref()),
        },
        "BGP": {
            "local_address": bgp.local_address.to_string(),
            "router_id": bgp.router_id,
            "md5_password": bgp.md5_password.as_ref().map(|_| "***"),
            "md5_passwords": bgp.md5_passwords.keys().collect::<Vec<_>>(),
            "peers": names(&bgp.peers),
            "passive_peers": names(&bgp.passive_peers),
            "listen": bgp.listen,
            "listen_port": bgp.listen_port,
            "my_as": bgp.my_as,
            "enable_rtc": bgp.enable_rtc,
            "bgp_port": bgp.bgp_port,
            "hold_time": bgp.hold_time,
            "connect_retry": bgp.connect_retry.as_secs_f64(),
            "connect_retry_max": bgp.connect_retry_max.as_secs_f64(),
            "graceful_restart_time": bgp.graceful_restart_time,
            "graceful_restart_max": bgp.graceful_restart_max.as_secs_f64(),
            "stale_path_time": bgp.stale_path_time.as_secs_f64(),
            "end_of_rib_wait": bgp.end_of_rib_wait.as_secs_f64(),
        },
        "DATAPLANE_DRIVER_IPVPN": ipvpn_section,
        "DATAPLANE_DRIVER_EVPN": evpn_section,
    })
}
