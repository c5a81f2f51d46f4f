"""From `Prepared` to separated components: compress, correct, count, separate.

`Compressed` is the record that `results.PCA` shows, `Separated` tells how sure the components are.
Knows `preparation` and what lies below it.
"""
