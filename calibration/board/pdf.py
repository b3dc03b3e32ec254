"""A page of black rectangles and text as a PDF: lines as sharp as the printer, and sizes that are those of the paper.

PDF 1.4 (ISO 32000-1): a catalogue, one page, one content stream, Helvetica, which every reader has.
"""

from __future__ import annotations

from calibration.board.page import TEXT_MM, Page, Rectangle, TextLine

POINTS_PER_MM = 72.0 / 25.4


def pdf_of(page: Page) -> bytes:
    """Return the file."""
    width, height = (side * POINTS_PER_MM for side in page.size_mm)
    stream = _content(page)
    objects = (
        # Readers offer "actual size" instead of "fit to page".
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.4f %.4f] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>" % (width, height),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )
    file = b"%PDF-1.4\n"
    places: list[int] = []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return file + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(file))
    )


def _content(page: Page) -> bytes:
    height_mm = page.size_mm[1]
    # All rectangles are one path, filled once: those that touch show no seam between them.
    shapes = [_rectangle(rectangle, height_mm) for rectangle in page.rectangles]
    return "\n".join(("0 g", *shapes, "f", *(_line(line, height_mm) for line in page.lines))).encode("cp1252")


def _rectangle(shape: Rectangle, page_height_mm: float) -> str:
    lower_mm = page_height_mm - shape.y_mm - shape.height_mm  # PDF counts from the lower left corner
    numbers = (shape.x_mm, lower_mm, shape.width_mm, shape.height_mm)
    return " ".join(f"{number * POINTS_PER_MM:.5f}" for number in numbers) + " re"


def _line(line: TextLine, page_height_mm: float) -> str:
    text = line.text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    x, y = line.x_mm * POINTS_PER_MM, (page_height_mm - line.y_mm) * POINTS_PER_MM
    return f"BT /F1 {TEXT_MM * POINTS_PER_MM:.2f} Tf {x:.3f} {y:.3f} Td ({text}) Tj ET"
