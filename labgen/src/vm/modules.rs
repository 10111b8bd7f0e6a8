//! Which modules a kernel has, what each needs, and by which other names it is asked for: the tables that
//! `depmod` leaves in `/lib/modules/VERSION`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// The modules of a kernel, by name; `-` and `_` are the same in names.
#[derive(Debug, Default)]
pub struct Modules {
    /// Name -> its file and those it needs, in the order in which they must be loaded, relative to the tables.
    loadable: BTreeMap<String, Vec<String>>,
    builtin: BTreeSet<String>,
}

/// A module that a kernel does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it has no `{0}`, neither built in nor as a module")]
pub struct NoModule(pub String);

impl Modules {
    /// Reads the tables of a directory such as `/lib/modules/6.1.0-56-amd64`.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let dependencies = fs::read_to_string(directory.join("modules.dep"))?;
        // Not every way of building a kernel leaves this one.
        let builtin = fs::read_to_string(directory.join("modules.builtin")).unwrap_or_default();
        Ok(Self::parse(&dependencies, &builtin))
    }

    /// From the text of `modules.dep` and `modules.builtin`.
    pub fn parse(dependencies: &str, builtin: &str) -> Self {
        let loadable = dependencies.lines().filter_map(|line| {
            let (file, needed) = line.split_once(':')?;
            let mut files: Vec<String> = needed.split_whitespace().map(str::to_owned).collect();
            // What is needed by the needed comes behind it in the table.
            files.reverse();
            files.push(file.to_owned());
            Some((name_of(file), files))
        });
        Self {
            loadable: loadable.collect(),
            builtin: builtin.lines().map(name_of).collect(),
        }
    }

    /// The files to load for a module, in order; none for one that is built in.
    pub fn files_of(&self, name: &str) -> Result<&[String], NoModule> {
        let plain = normal(name);
        match self.loadable.get(&plain) {
            Some(files) => Ok(files),
            None if self.builtin.contains(&plain) => Ok(&[]),
            None => Err(NoModule(name.to_owned())),
        }
    }

    /// The files to load for several modules, in order, each once.
    pub fn files_of_all(&self, names: &[&str]) -> Result<Vec<&str>, NoModule> {
        let mut all: Vec<&str> = Vec::new();
        for name in names {
            for file in self.files_of(name)? {
                if !all.contains(&file.as_str()) {
                    all.push(file);
                }
            }
        }
        Ok(all)
    }
}

/// The modules that answer to a name out of `modules.alias`, whose names are patterns.
pub fn aliased<'a>(aliases: &'a str, wanted: &str) -> Vec<&'a str> {
    let wanted = normal(wanted);
    let matching = aliases.lines().filter_map(|line| {
        let (pattern, module) = line.strip_prefix("alias ")?.rsplit_once(' ')?;
        matches(normal(pattern).as_bytes(), wanted.as_bytes()).then_some(module)
    });
    matching.collect()
}

fn name_of(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    normal(name.split(".ko").next().unwrap_or(name))
}

fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// A shell's pattern without sets of characters: the names asked for here have none.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([b'*', rest @ ..], _) => {
            matches(rest, text) || (!text.is_empty() && matches(pattern, &text[1..]))
        }
        ([b'?', pattern @ ..], [_, text @ ..]) => matches(pattern, text),
        ([a, pattern @ ..], [b, text @ ..]) => a == b && matches(pattern, text),
        ([], text) => text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/fscache/fscache.ko kernel/fs/netfs/netfs.ko\n\
        kernel/net/9p/9pnet.ko.xz:\n\
        kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko\n";
    const BUILTIN: &str = "kernel/drivers/net/virtio-thing.ko\n";

    #[test]
    fn what_is_needed_is_loaded_first() {
        let modules = Modules::parse(DEP, BUILTIN);
        assert_eq!(
            modules.files_of("9p").unwrap(),
            [
                "kernel/fs/netfs/netfs.ko",
                "kernel/fs/fscache/fscache.ko",
                "kernel/net/9p/9pnet.ko",
                "kernel/fs/9p/9p.ko",
            ]
        );
        let both = modules.files_of_all(&["9p", "9pnet-virtio"]).unwrap();
        assert_eq!(both.len(), 6);
        assert_eq!(both[5], "kernel/net/9p/9pnet_virtio.ko");
        assert_eq!(
            modules.files_of("9pnet").unwrap(),
            ["kernel/net/9p/9pnet.ko.xz"]
        );
    }

    #[test]
    fn what_is_built_in_needs_no_file_and_what_is_missing_is_named() {
        let modules = Modules::parse(DEP, BUILTIN);
        assert!(modules.files_of("virtio_thing").unwrap().is_empty());
        let missing = modules.files_of("vrf").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "it has no `vrf`, neither built in nor as a module"
        );
    }

    #[test]
    fn names_are_patterns() {
        let aliases = "# Aliases extracted from modules themselves.\n\
            alias rtnl-link-vrf vrf\n\
            alias net-pf-16-proto-16-family-ovs_* openvswitch\n\
            alias cpu:type:x86,ven0000fam0006mod0086:feature:* intel_uncore\n\
            alias rtnl-link-gre ip_gre\n";
        assert_eq!(aliased(aliases, "rtnl_link-vrf"), ["vrf"]);
        assert_eq!(
            aliased(aliases, "net-pf-16-proto-16-family-ovs_datapath"),
            ["openvswitch"]
        );
        assert!(aliased(aliases, "rtnl-link-gretap").is_empty());
    }
}
