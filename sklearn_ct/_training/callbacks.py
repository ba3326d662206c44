"""What watches a training: its progress bar, and its early end."""

from copy import deepcopy

from skorch.callbacks import Callback, EarlyStopping
from skorch.utils import noop
from tqdm.auto import tqdm


class Progress(Callback):
    """One progress bar over the epochs."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=net.run_.epochs, desc="training", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance it, with the loss and the share of mature searches."""
        row = net.history[-1]
        shown = {"loss": row.get("train_loss"), "mature": row.get("mature_share")}
        self.bar_.set_postfix(
            {k: f"{v:.3f}" for k, v in shown.items() if v is not None}
        )
        self.bar_.update()

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Close it."""
        self.bar_.close()
        self.bar_ = None


class BestWeights(EarlyStopping):
    """Stop when the validation loss no longer falls, back to the best mean weights."""

    def on_epoch_end(self, net, **kwargs):
        """Keep the weights that the loss was measured with."""
        super().on_epoch_end(net, **kwargs)
        if self.best_epoch_ == net.history[-1, "epoch"]:
            self.best_model_weights_ = deepcopy(net.averaged.state_dict())


def early_stopping(patience):
    """Stop when the validation loss no longer falls, back to the best weights."""
    return BestWeights(
        monitor="valid_loss",
        patience=patience,
        threshold=1e-4,
        threshold_mode="rel",
        load_best=True,
        sink=noop,
    )


def check_callbacks(callbacks):
    """Raise where an entry is neither a callback nor a pair of a name and one."""
    for entry in callbacks or ():
        named = isinstance(entry, tuple) and len(entry) == 2
        callback = entry[1] if named and isinstance(entry[0], str) else entry
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        # Whatever is notified of a training may do, whoever made it.
        if not is_class and not hasattr(callback, "on_train_begin"):
            raise ValueError(
                "The 'callbacks' parameter of CounterfactualTrainedClassifier must be "
                "a list of skorch callbacks, or of pairs (name, callback). Got "
                f"{entry!r} among them."
            )
