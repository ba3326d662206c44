"""What watches a training: its progress bar, and its early end."""

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


def early_stopping(patience):
    """Stop when the validation accuracy no longer rises, back to the best weights."""
    return EarlyStopping(
        monitor="valid_acc",
        lower_is_better=False,
        patience=patience,
        threshold=1e-4,
        threshold_mode="abs",
        load_best=True,
        sink=noop,
    )
