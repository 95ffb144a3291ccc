//! The binary `proxy-fetch`.

fn main() -> std::process::ExitCode {
    proxy_fetch_native::cli::main()
}
