//! The sources of a crate as their syntax trees have them: what each file imports, and which functions it has and
//! calls. What only tests have does not count.

use proc_macro2::{TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use syn::{
    Attribute, ExprMethodCall, File, ImplItemFn, Item, ItemMod, ItemUse, Macro, Signature, UseTree, Visibility,
    visit::{self, Visit},
};

/// A path of code, by its parts: `crate::proxy::Plan`, with `super` and `self` resolved.
pub type Name = Vec<String>;

/// A Rust file.
pub struct Source {
    /// From the folder that was read.
    pub path: String,
    pub text: String,
    /// All that it imports.
    pub imports: BTreeSet<Name>,
    /// All other paths that it names.
    pub names: BTreeSet<Name>,
    /// The methods that it calls.
    pub methods: BTreeSet<String>,
    /// What it imports under another name, or with all else of its module.
    pub disguised: BTreeSet<Name>,
    /// The methods and associated functions that it offers to everybody (`pub`).
    pub offers: BTreeSet<String>,
    /// All that it has, for whomever.
    pub has: BTreeSet<String>,
}

impl Source {
    /// The module of its crate that it is, or is a part of; `None` for the crate's root.
    pub fn top(&self) -> Option<&str> {
        let top = self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        (!["lib", "main"].contains(&top)).then_some(top)
    }

    /// All paths that it names or imports.
    pub fn paths(&self) -> impl Iterator<Item = &Name> {
        self.imports.iter().chain(&self.names)
    }
}

/// All Rust files below a folder.
pub fn sources(folder: &Path) -> Vec<Source> {
    let (mut files, mut tests) = (Vec::new(), BTreeSet::new());
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else { panic!("{} is not there", next.display()) };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let path = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                let (source, modules) = read(path, text);
                files.push(source);
                tests.extend(modules);
            }
        }
    }
    files.retain(|source| !tests.contains(&module_of(&source.path)));
    assert!(!files.is_empty(), "{} has no sources", folder.display());
    files
}

/// The module that a file is, from its crate's root.
fn module_of(path: &str) -> Name {
    let mut parts: Name = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// A file of this text.
pub fn source(path: &str, text: &str) -> Source {
    read(path.to_owned(), text.to_owned()).0
}

/// A file of this text, and the modules of other files that it has for tests alone.
fn read(path: String, text: String) -> (Source, BTreeSet<Name>) {
    let tree = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut reader = Reader { module: module_of(&path), ..Reader::default() };
    reader.visit_file(&tree);
    let Reader { imports, names, methods, disguised, offers, has, tests, .. } = reader;
    (Source { path, text, imports, names, methods, disguised, offers, has }, tests)
}

/// Under which names the root of a crate gives out the items of its modules: name to module.
pub fn re_exports(sources: &[Source]) -> BTreeMap<String, String> {
    let root = sources.iter().filter(|source| source.path == "lib.rs");
    let imports = root.flat_map(|source| &source.imports);
    imports
        .filter_map(|name| Some((name.last()?.clone(), name.iter().find(|part| *part != "crate")?.clone())))
        .collect()
}

#[derive(Default)]
struct Reader {
    /// Where we are, from the crate's root.
    module: Vec<String>,
    imports: BTreeSet<Name>,
    names: BTreeSet<Name>,
    methods: BTreeSet<String>,
    disguised: BTreeSet<Name>,
    offers: BTreeSet<String>,
    has: BTreeSet<String>,
    /// Modules that only tests have.
    tests: BTreeSet<Name>,
}

impl Reader {
    /// The path from the crate's root, if it leads there.
    fn resolved(&self, name: Name) -> Name {
        let ups = name.iter().take_while(|part| *part == "super").count();
        let rest = name.iter().skip(ups + usize::from(ups == 0 && name.first().is_some_and(|part| part == "self")));
        if ups == 0 && name.first().is_none_or(|part| part != "self") {
            return name;
        }
        let module = &self.module[..self.module.len().saturating_sub(ups)];
        ["crate".to_owned()].iter().chain(module).chain(rest).cloned().collect()
    }

    fn import(&mut self, before: &[String], tree: &UseTree) {
        let with = |last: &syn::Ident| before.iter().cloned().chain([last.to_string()]).collect::<Name>();
        match tree {
            UseTree::Path(path) => self.import(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(before, tree)),
            UseTree::Glob(_) => {
                self.imports.insert(self.resolved(before.to_vec()));
                self.disguised.insert(self.resolved(before.to_vec()));
            }
            UseTree::Name(name) if name.ident == "self" => drop(self.imports.insert(self.resolved(before.to_vec()))),
            UseTree::Name(name) => drop(self.imports.insert(self.resolved(with(&name.ident)))),
            UseTree::Rename(name) => {
                self.imports.insert(self.resolved(with(&name.ident)));
                self.disguised.insert(self.resolved(with(&name.ident)));
            }
        }
    }

    fn offer(&mut self, visibility: &Visibility, signature: &Signature) {
        self.has.insert(signature.ident.to_string());
        if matches!(visibility, Visibility::Public(_)) {
            self.offers.insert(signature.ident.to_string());
        }
    }

    /// Paths and methods in what a macro is given, which no syntax tree has.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Name::new();
        let (mut colons, mut dot, mut called) = (0, false, None);
        for token in
            tokens.into_iter().chain([TokenTree::Punct(proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone))])
        {
            // A field is a method if it is given arguments.
            let method: Option<String> = called.take();
            if matches!(&token, TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Parenthesis) {
                self.methods.extend(method);
            }
            let after_dot = dot;
            dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
            match token {
                TokenTree::Ident(ident) if after_dot => called = Some(ident.to_string()),
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                other @ (TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Group(_) | TokenTree::Literal(_)) => {
                    if path.len() > 1 {
                        self.names.insert(self.resolved(std::mem::take(&mut path)));
                    }
                    path.clear();
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                    }
                }
            }
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(is_test)
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast File) {
        if !is_for_tests(&file.attrs) {
            visit::visit_file(self, file);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "of most items no attribute is asked for")]
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        match item {
            Item::Mod(item) if is_for_tests(attributes) => {
                let name = self.module.iter().cloned().chain([item.ident.to_string()]);
                self.tests.insert(name.collect());
            }
            _ if is_for_tests(attributes) => {}
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let name = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.names.insert(self.resolved(name));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.offer(&item.vis, &item.sig);
            visit::visit_impl_item_fn(self, item);
        }
    }
}
