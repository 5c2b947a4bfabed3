"""Cases: what families report or ask for, as a promise with a folio, an area and a date."""
