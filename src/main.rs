//! The command line.
use halfopen::scenario::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let mut s = Settings::default();
    for kv in &a[2..] {
        if let Some((k, v)) = kv.split_once('=') {
            s.given.insert(k.into(), v.into());
        }
    }
    let t = std::time::Instant::now();
    match find(&a[1]).and_then(|x| x.run(&s)) {
        Ok(o) => {
            println!("{}", halfopen::trace::story::story(&o.trace, &Default::default()));
            if a.iter().any(|x| x == "-p") {
                println!("{}", halfopen::trace::packets::packets(&o.trace));
            }
            for m in &o.measures {
                println!("{} = {:?}", m.name, m.value);
            }
            for c in &o.claims {
                println!("{} {} {}", c.id, c.holds, c.statement);
            }
            println!("{}\n{:?}", o.command(), t.elapsed());
        }
        Err(e) => println!("ERR {e}"),
    }
}
