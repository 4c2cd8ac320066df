"""Recurrent layers, one step after the other: PyTorch takes them apart for sizes that it knows, torch-mlir not at all."""


def forms():
    import torch

    aten = torch.ops.aten

    def simple(activation):
        return lambda x, state, weights: (activation(_gates(x, state[0], weights)),)

    def gru(x, state, weights):
        (h,) = state
        w, own, *biases = weights
        reset, update, new = _linear(x, w, biases[:1]).chunk(3, -1)
        reset_own, update_own, new_own = _linear(h, own, biases[1:]).chunk(3, -1)
        reset, update = (reset + reset_own).sigmoid(), (update + update_own).sigmoid()
        new = (new + reset * new_own).tanh()
        return (new + update * (h - new),)

    def lstm(x, state, weights):
        h, c = state
        # A projection of the result comes last.
        projection = weights[-1:] if len(weights) % 2 else []
        into, forget, cell, out = _gates(x, h, weights[: len(weights) - len(projection)]).chunk(4, -1)
        c = forget.sigmoid() * c + into.sigmoid() * cell.tanh()
        h = out.sigmoid() * c.tanh()
        return (_linear(h, *projection, []) if projection else h), c

    def layers(step, count):
        """The operation whose steps these are, on `count` states."""

        def form(x, states, weights, has_biases, num_layers, dropout, train, bidirectional, batch_first):
            states = [states] if count == 1 else list(states)
            directions = 2 if bidirectional else 1
            each = len(weights) // (num_layers * directions)
            if not isinstance(x.shape[1 if batch_first else 0], int):
                raise ValueError("a recurrent layer takes sequences of a length that is known when it is exported")
            x = x.transpose(0, 1) if batch_first else x
            last = []
            for layer in range(num_layers):
                made = []
                for direction in range(directions):
                    number = layer * directions + direction
                    own = weights[number * each : (number + 1) * each]
                    state, rows = tuple(state[number] for state in states), []
                    steps = x.unbind(0)
                    for row in steps[::-1] if direction else steps:
                        state = step(row, state, own)
                        rows.append(state[0])
                    made.append(torch.stack(rows[::-1] if direction else rows))
                    last.append(state)
                x = torch.cat(made, -1)
            x = x.transpose(0, 1) if batch_first else x
            return x, *(torch.stack(state) for state in zip(*last))

        return form

    return {
        aten.gru.input: layers(gru, 1),
        aten.lstm.input: layers(lstm, 2),
        aten.rnn_tanh.input: layers(simple(torch.tanh), 1),
        aten.rnn_relu.input: layers(simple(torch.relu), 1),
    }


def _linear(x, weight, bias):
    from torch.nn.functional import linear

    return linear(x, weight, *bias)


def _gates(x, h, weights):
    w, own, *biases = weights
    return _linear(x, w, biases[:1]) + _linear(h, own, biases[1:])
