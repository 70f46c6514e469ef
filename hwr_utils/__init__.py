"""The helper package of Beyond Feedforward, in the order the data flows.

`data`, `ink`, `layers`, `recurrent`, `recursive`, `ctc`, `hopfield`, `models`, `training`, `trained`, `figures`,
`checks`, `cli`: a module imports only from the ones before it, and importing the package imports no TensorFlow.
"""
