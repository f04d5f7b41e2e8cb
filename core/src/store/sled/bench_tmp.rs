use super::*;
use crate::store::Store;
use std::time::{Duration, Instant};
fn run(threads: usize, seconds: u64) {
    let dir = tempfile::TempDir::new_in("/work/main/target").unwrap();
    let engine = Arc::new(SledEngine::open(dir.path(), &SledOptions::default()).unwrap());
    let store = Store::new(engine.clone());
    let until = Instant::now() + Duration::from_secs(seconds);
    let hs: Vec<_> = (0..threads).map(|t| { let store = store.clone(); thread::spawn(move || {
        let mut lat = vec![]; let mut n = 0u64;
        while Instant::now() < until {
            n += 1; let s = Instant::now();
            let member = (t as u64) * 1_000_000 + (n % 2000);
            store.write(|tx| {
                // 12 keys: 2 read+put, 3 puts, 6 adds, 1 append
                let k = |p: &str, i: u64| format!("{p}/merchant-0001/{i:012}").into_bytes();
                let a = tx.get(&k("member", member))?.unwrap_or_default();
                let _ = tx.get(&k("acct", member))?;
                tx.put(&k("member", member), if a.is_empty() { vec![1; 120] } else { a })?;
                tx.put(&k("acct", member), vec![2; 40])?;
                tx.put(&k("order", (t as u64) << 40 | n), vec![3; 300])?;
                tx.put(&k("transfer", (t as u64) << 40 | n), vec![4; 80])?;
                tx.put(&k("idem", (t as u64) << 40 | n), vec![5; 60])?;
                for i in 0..6 { tx.add(&k("fig", i), 1)?; }
                tx.append(b"log/merchant-0001/", vec![6; 150])
            }).unwrap();
            lat.push(s.elapsed().as_micros() as u64);
        }
        lat })}).collect();
    let mut lat: Vec<u64> = hs.into_iter().flat_map(|h| h.join().unwrap()).collect();
    lat.sort();
    let v = engine.shared.visible.load(Ordering::SeqCst);
    println!("threads {threads}: {} tx/s, groups {} ({:.1} tx each), p50 {} us p99 {} us max {} us, retries {}", lat.len() as u64/seconds, v, lat.len() as f64 / v as f64, lat[lat.len()/2], lat[lat.len()*99/100], lat[lat.len()-1], store.retries());
    let t: Vec<u64> = committer::T.iter().map(|t| t.swap(0, Ordering::SeqCst) / v).collect(); println!("threads admit,bring,answer,forget,journal,turn+record,apply us {t:?}");
    let s = Instant::now(); store.close().unwrap(); println!("close {:?}", s.elapsed());
}
#[test]
fn bench_tmp() { run(64, 8);}
