//! Types and traits made from the contract in `wit/`.

wasmtime::component::bindgen!({
    path: "../wit/0.1.3",
    world: "pack",
    imports: { default: trappable },
    require_store_data_send: true,
    // What crosses the border is data: calls are recorded, and played again.
    additional_derives: [serde::Serialize, serde::Deserialize],
});
