"""What people's files say: bytes to text, text to rows and columns, headings to fields, numbers to units.

Every file that a person hands in is read here: results, traces, maps, libraries, prices, properties, pools of
candidates and finished tables. `decode` and `grid` find the table, `numbers` finds the block of numbers that an
instrument wrote, `fields` says which column is what, `cells` and `units` read what stands in it.
"""
