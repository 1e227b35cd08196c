from trainer.logs import pictures


def test_the_legend_of_widths_covers_no_bar(monkeypatch):
    monkeypatch.setattr(pictures, "_image", lambda figure: figure)
    before, after = {"a": 5, "b": 9, "c": 9}, {"a": 9, "b": 9, "c": 9}
    figure = pictures.widths(before, after)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    legend = axes.get_legend().get_window_extent()
    assert legend.y0 >= axes.get_window_extent().y1
    assert figure.bbox.y1 >= legend.y1 and figure.bbox.x1 >= legend.x1
