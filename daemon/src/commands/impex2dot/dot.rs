//! Instances as a graph in the language of Graphviz.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use super::instance::Instance;

/// Names that are longer are shown as their first four and last five characters.
const LONGEST: usize = 11;
/// The server that is not named in labels.
const HERE: &str = "localhost";
const ORANGE: &str = "color=\"orange\",fontcolor=\"orange\"";
const BLUE: &str = "color=\"blue\",fontcolor=\"blue\"";

/// The whole graph.
pub(super) fn graph(instances: &[Instance]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_graph(&mut out, instances);
    out
}

fn write_graph(out: &mut String, instances: &[Instance]) -> fmt::Result {
    out.push_str(
        "digraph import_export {\n   node [fontname=\"Helvetica\"];\n   edge [fontname=\"Helvetica\"];\n   \
         nodesep=0.55;\n   subgraph rts {\n       rank=same;\n",
    );
    for target in targets(instances) {
        let text = target.strip_prefix("target:").unwrap_or(target);
        let label = format!("RT:{text}").replace(':', "\\n");
        writeln!(
            out,
            "        {} [shape=\"circle\",label={},{ORANGE}];",
            target_id(target),
            quoted(&label)
        )?;
    }
    out.push_str("    }\n    subgraph ipvpns {\n        rank=same;\n");
    for vrf in instances.iter().filter(|instance| !instance.is_evpn) {
        node(out, vrf, "VRF", "|<readv>")?;
    }
    out.push_str("    }\n    subgraph evpns {\n");
    for evi in instances.iter().filter(|instance| instance.is_evpn) {
        node(out, evi, "EVI", "")?;
    }
    out.push_str("    }\n");
    for instance in instances {
        edges(out, instance, instances)?;
    }
    ports(out, instances)?;
    out.push_str("}\n");
    Ok(())
}

/// Every route target that anything is drawn for.
fn targets(instances: &[Instance]) -> BTreeSet<&str> {
    let all = instances.iter().flat_map(|instance| {
        let attracted = instance.attract.iter().flat_map(|a| &a.redirect_rts);
        let sets = [
            &instance.import,
            &instance.export,
            &instance.readvertise.0,
            &instance.readvertise.1,
        ];
        sets.into_iter().flatten().chain(attracted)
    });
    all.map(String::as_str).collect()
}

fn node(out: &mut String, instance: &Instance, kind: &str, more: &str) -> fmt::Result {
    let mut name = record(&short(&instance.id));
    if instance.server != HERE {
        write!(name, "\\n[{}]", record(&instance.server))?;
    }
    let label = format!("{{<0>{kind}\\n{name}{more}}}");
    writeln!(
        out,
        "        {} [label={},shape=\"record\"];",
        instance_id(instance),
        quoted(&label)
    )
}

fn edges(out: &mut String, instance: &Instance, all: &[Instance]) -> fmt::Result {
    let id = instance_id(instance);
    // A comment must not end before its time.
    let name = format!("{}:{}", instance.server, instance.id).replace("*/", "* /");
    writeln!(out, "    /* {} */", name.replace('\n', " "))?;
    for target in &instance.import {
        writeln!(
            out,
            "    {} -> {id}:0 [{ORANGE},arrowhead=onormal];",
            target_id(target)
        )?;
    }
    for target in &instance.export {
        writeln!(
            out,
            "    {id}:0 -> {} [{ORANGE},arrowhead=onormal];",
            target_id(target)
        )?;
    }
    let (from, to) = &instance.readvertise;
    for target in from {
        writeln!(
            out,
            "    {} -> {id}:readv [label=\"\",{ORANGE},style=dashed,arrowhead=diamond,arrowtail=oinv,headclip=false,dir=both];",
            target_id(target)
        )?;
    }
    for target in to {
        writeln!(
            out,
            "    {id}:readv -> {} [label=\"\",{ORANGE},style=dashed,arrowhead=onormal,tailclip=false,dir=both,arrowtail=oinv];",
            target_id(target)
        )?;
    }
    if let Some(attract) = &instance.attract {
        let label = quoted(&escaped(&attract.classifier.join("\n")));
        for target in &attract.redirect_rts {
            writeln!(
                out,
                "    {id}:readv -> {} [label={label},{BLUE},style=dotted,arrowhead=vee];",
                target_id(target)
            )?;
        }
    }
    for port in &instance.ports {
        writeln!(
            out,
            "    {id} -> {} [style=dashed,dir=none,color=\"gray\",weight=3,weight=5];",
            port_id(&instance.server, port)
        )?;
    }
    let gateway = all.iter().find(|other| {
        other.server == instance.server && Some(&other.id) == instance.gateway.as_ref()
    });
    if let Some(vrf) = gateway {
        writeln!(out, "    {id} -> {} [weight=500];", instance_id(vrf))?;
    }
    Ok(())
}

/// Ports take no room; one that is named after where it leads shows that.
fn ports(out: &mut String, instances: &[Instance]) -> fmt::Result {
    let ports: BTreeSet<(&str, &str)> = instances
        .iter()
        .flat_map(|instance| {
            let of_one = instance.ports.iter();
            of_one.map(|port| (instance.server.as_str(), port.as_str()))
        })
        .collect();
    for (server, port) in &ports {
        writeln!(
            out,
            "    {} [label=\"\",style=invis,height=0,width=0,fixedsize=true];",
            port_id(server, port)
        )?;
    }
    for (server, port) in ports {
        let normal = normalised(port);
        let Some(destination) = normal.strip_prefix("to_") else {
            continue;
        };
        let id = identifier(&format!("dest_{}_{destination}", normalised(server)));
        let label = quoted(&format!("{}\\n[{}]", escaped(destination), escaped(server)));
        writeln!(
            out,
            "    {} -> {id} [style=dashed,dir=none,color=\"gray\",weight=5];\n    {id} [label={label},shape=\"square\",color=\"gray\"];",
            port_id(server, port)
        )?;
    }
    Ok(())
}

fn target_id(target: &str) -> String {
    identifier(&normalised(&target.replace("target:", "rt:")))
}

fn instance_id(instance: &Instance) -> String {
    let name = format!("vpn_{}__{}", instance.server, instance.id);
    identifier(&normalised(&name))
}

fn port_id(server: &str, port: &str) -> String {
    identifier(&normalised(&format!("port_{server}_{port}")))
}

fn normalised(name: &str) -> String {
    name.replace([':', '-', '.'], "_")
}

/// A name as an identifier: in quotes where the language wants them.
fn identifier(name: &str) -> String {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain {
        name.to_owned()
    } else {
        quoted(&escaped(name))
    }
}

/// A text in which only the line breaks of the language are special.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A text inside the label of a record, where braces and the like divide it.
fn record(text: &str) -> String {
    let mut out = String::new();
    for letter in escaped(text).chars() {
        if matches!(letter, '{' | '}' | '|' | '<' | '>') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn short(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    if letters.len() <= LONGEST {
        return id.to_owned();
    }
    let first: String = letters[..4].iter().collect();
    let last: String = letters[letters.len() - 5..].iter().collect();
    format!("{first}..{last}")
}
