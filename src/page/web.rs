//! The page's own program: plain ES modules and a style sheet, embedded, so that a built book lacks nothing.

/// The files of the folder `web`, by name, with their content.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("web/", $name)))),*]
    };
}

/// What stands in a book's folder `live/`, besides the module and what says where that is.
pub const FILES: &[(&str, &[u8])] = files![
    "ask.js",
    "challenge.js",
    "command.js",
    "compare.js",
    "controls.js",
    "dom.js",
    "file.js",
    "follow.js",
    "live.css",
    "live.js",
    "main.js",
    "model.js",
    "numbers.js",
    "picker.js",
    "play.js",
    "predict.js",
    "program.js",
    "progress.js",
    "script.js",
    "share.js",
    "sweep.js",
    "take.js",
    "units.js",
    "view.js",
    "wasi.js",
    "workbench.js",
    "worker.js"
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_page_can_load_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page/web");
        let served = |name: &str| name.ends_with(".js") || name.ends_with(".css");
        let names =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut there: Vec<String> = names.filter(|name| served(name)).collect();
        there.sort();
        let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, there, "in the order of their names");
    }
}
