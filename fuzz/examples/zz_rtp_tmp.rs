fn main(){ for (name, run) in drywire_fuzz::TARGETS { if !name.starts_with("rt") {continue}
 let d=format!("{}/corpus/{}",env!("CARGO_MANIFEST_DIR"),name); let mut n=0;
 for e in std::fs::read_dir(d).unwrap(){ let b=std::fs::read(e.unwrap().path()).unwrap(); run(&b); n+=1;
  // simple mutations
  let mut x:u64=0x9E3779B97F4A7C15; for _ in 0..20000 { let mut m=b.clone(); for _ in 0..(1+x%3){ x^=x<<13;x^=x>>7;x^=x<<17; if m.is_empty(){break} let i=(x as usize>>8)%m.len(); m[i]=(x>>3) as u8; } if x%5==0 { let l=(x as usize>>20)%(m.len()+1); m.truncate(l);} run(&m);} }
 println!("{name} {n}"); } }
