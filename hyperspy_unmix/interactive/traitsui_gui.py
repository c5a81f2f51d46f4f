"""Window of the interactive tool for desktops."""

from __future__ import annotations

from typing import Any

from .tool import UnmixTool


def unmix_traitsui(obj: UnmixTool, display: bool = True, **kwargs: Any) -> Any:
    """The tool's window.

    Raises
    ------
    NotImplementedError
        If traitsui is not installed: HyperSpy then goes on without it.
    """
    try:
        import traitsui.api as tu
        from hyperspy_gui_traitsui.utils import add_display_arg
    except ImportError as error:
        raise NotImplementedError("hyperspy_gui_traitsui is not installed.") from error

    class Handler(tu.Handler):
        def flip(self, info: Any) -> None:
            info.object.flip()

        def call_pure(self, info: Any) -> None:
            info.object.call_pure()

        def forget(self, info: Any) -> None:
            info.object.forget()

        def undo(self, info: Any) -> None:
            info.object.undo()

        def reset(self, info: Any) -> None:
            info.object.reset()

        def save(self, info: Any) -> None:
            info.object.save()

        def apply(self, info: Any) -> None:
            info.object.apply()

    @add_display_arg
    def window(obj: UnmixTool, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        choices = tu.Group(
            tu.Item("n_components", editor=tu.RangeEditor(low=1, high_name="most", mode="slider")),
            tu.Item("assume"),
            tu.Item("subtracts_background"),
            tu.Item("background_start", enabled_when="subtracts_background"),
            tu.Item("background_end", enabled_when="subtracts_background"),
            label="Choices",
            show_border=True,
        )
        component = tu.Group(
            tu.Item("component", editor=tu.RangeEditor(low=0, high_name="_last", mode="spinner")),
            tu.Item("name", editor=tu.TextEditor(auto_set=False, enter_set=True)),
            label="Component",
            show_border=True,
        )
        pure = tu.Group(
            tu.Item("region", style="readonly"),
            tu.Item("pure_name"),
            label="Region drawn on a map",
            show_border=True,
        )
        file = tu.Item("file", editor=tu.TextEditor(auto_set=False, enter_set=True))
        message = tu.Item("message", style="readonly", show_label=False)
        buttons = [
            tu.Action(name="Flip", action="flip"),
            tu.Action(name="Call it pure", action="call_pure"),
            tu.Action(name="Forget the last", action="forget"),
            tu.Action(name="Undo", action="undo"),
            tu.Action(name="Reset", action="reset"),
            tu.Action(name="Save", action="save"),
            tu.Action(name="Apply", action="apply"),
            tu.OKButton,
        ]
        view = tu.View(
            choices,
            component,
            pure,
            file,
            message,
            buttons=buttons,
            handler=Handler(),
            title="Unmix",
            resizable=True,
        )
        return obj, {"view": view}

    obj.shown()
    return window(obj=obj, display=display, **kwargs)
