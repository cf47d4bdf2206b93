"""Plot defaults for lessons and projects: readable in print, on a projector, and without seeing colour."""

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), darkest first; every colour comes with its own line style.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "//", "..", "xx", "\\\\", "++")


def style() -> None:
    """Set matplotlib's defaults for this session. Call once, before the first plot.

    Lines differ by colour and by line style. For points and bars add `MARKERS[i]` or `HATCHES[i]`, or label them directly.
    """
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.alpha": 0.25,
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "figure.facecolor": "white",  # stays readable on JupyterLab's dark theme
            "figure.figsize": (6.5, 3.8),
            "font.size": 11,
            "legend.fontsize": 10,
            "legend.edgecolor": "none",
            "legend.framealpha": 0.85,
            "lines.linewidth": 2,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
        }
    )
