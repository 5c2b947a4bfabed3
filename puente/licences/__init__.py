"""Licencia 140 Bis as a guide: answers, a check of one's own situation, a day counter, steps and documents.

Pure logic over `data/knowledge`, without database, HTTP or dialogue engine. Nothing here asks for bank data.
"""
