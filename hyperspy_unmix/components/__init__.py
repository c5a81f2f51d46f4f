"""Components as records: spectra, maps, names, uncertainty, quantities, the forward model.

`Components` is what `results.Unmixing` shows and writes; arrays become HyperSpy signals in
`as_signals`. Knows `analysis` and what lies below it, and nothing that plots or saves.
"""
