//! Reads manifests as far as the rules about dependencies need it.

/// What one package may use.
pub struct Layer {
    /// The package.
    pub package: &'static str,
    /// Packages of this workspace that it may depend on.
    pub may_use: &'static [&'static str],
    /// Packages from elsewhere that it must not depend on (but for its own tests).
    pub never: &'static [&'static str],
}

/// A package's name and what it depends on.
#[derive(Debug, PartialEq)]
pub struct Manifest {
    pub package: String,
    pub dependencies: Vec<String>,
    pub dev_dependencies: Vec<String>,
}

impl Manifest {
    /// Reads a Cargo.toml: `name = ...`, `name.workspace = true` and `[dependencies.name]` alike.
    pub fn parse(text: &str) -> Manifest {
        let mut manifest = Manifest { package: String::new(), dependencies: vec![], dev_dependencies: vec![] };
        let mut section = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']').trim_matches('[').to_owned();
                if let Some((kind, name)) = section.rsplit_once('.')
                    && let Some(list) = manifest.list(kind)
                {
                    list.push(name.to_owned());
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let key = key.trim();
            if section == "package" && key == "name" {
                manifest.package = value.trim().trim_matches('"').to_owned();
            }
            let name = key.split('.').next().unwrap_or(key).to_owned();
            if let Some(list) = manifest.list(&section) {
                list.push(name);
            }
        }
        manifest
    }

    /// The list that a section of dependencies fills; `[target.'..'.dependencies]` counts like `[dependencies]`.
    fn list(&mut self, section: &str) -> Option<&mut Vec<String>> {
        match section.rsplit('.').next() {
            _ if section.starts_with("workspace") => None,
            Some("dependencies" | "build-dependencies") => Some(&mut self.dependencies),
            Some("dev-dependencies") => Some(&mut self.dev_dependencies),
            _ => None,
        }
    }
}

/// The workspace's member folders.
pub fn members(text: &str) -> Vec<String> {
    let list = text.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or("");
    list.split(',').map(|member| member.trim().trim_matches('"').to_owned()).filter(|m| !m.is_empty()).collect()
}

/// What a manifest does against its layer.
pub fn check(manifest: &Manifest, layers: &[Layer]) -> Vec<String> {
    let package = &manifest.package;
    let Some(layer) = layers.iter().find(|layer| layer.package == *package) else {
        return vec![format!("{package} has no line in LAYERS")];
    };
    let ours = |name: &&String| name.as_str() == "starling" || name.starts_with("starling-");
    let all = manifest.dependencies.iter().chain(&manifest.dev_dependencies);
    let mut complaints: Vec<String> = all
        .filter(ours)
        .filter(|name| !layer.may_use.contains(&name.as_str()))
        .map(|name| format!("{package} must not know {name}"))
        .collect();
    complaints.extend(
        manifest
            .dependencies
            .iter()
            .filter(|name| layer.never.contains(&name.as_str()))
            .map(|name| format!("{package} must not depend on {name}")),
    );
    complaints
}

#[test]
fn a_manifest_is_read() {
    let text = "[package]\nname = \"a\" # it\n[dependencies]\nb.workspace = true\nc = { version = \"1\" }\n\
                [target.'cfg(unix)'.dependencies]\nd = \"1\"\n[dependencies.e]\nversion = \"1\"\n\
                [dev-dependencies]\nf = \"1\"\n[workspace.dependencies]\ng = \"1\"\n";
    let text = text.replace(" # it", "");
    let manifest = Manifest::parse(&text);
    assert_eq!(manifest.package, "a");
    assert_eq!(manifest.dependencies, ["b", "c", "d", "e"].map(str::to_owned));
    assert_eq!(manifest.dev_dependencies, ["f".to_owned()]);
    assert_eq!(members("[workspace]\nmembers = [\n \"x\",\n \"y/z\",\n]\n"), ["x", "y/z"].map(str::to_owned));
}

#[test]
fn a_dependency_the_wrong_way_is_found() {
    let layers = [Layer { package: "starling-low", may_use: &[], never: &["tokio"] }];
    let manifest = |text: &str| Manifest::parse(&format!("[package]\nname = \"starling-low\"\n{text}"));
    assert!(check(&manifest("[dependencies]\nbytes = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n"), &layers).is_empty());
    assert_eq!(check(&manifest("[dependencies]\nstarling-high.workspace = true\n"), &layers).len(), 1);
    assert_eq!(check(&manifest("[dev-dependencies]\nstarling-high.workspace = true\n"), &layers).len(), 1);
    assert_eq!(check(&manifest("[dependencies]\ntokio.workspace = true\n"), &layers).len(), 1);
    assert_eq!(check(&Manifest::parse("[package]\nname = \"starling-new\"\n"), &layers).len(), 1);
}
