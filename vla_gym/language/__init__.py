"""Language: every instruction is written and read here.

| to | use |
|---|---|
| name one object of a scene | `vla_gym.language.referring.refer` |
| find what a noun phrase means in a scene | `vla_gym.language.noun_phrases.resolve` |
| fill a template, and parse by templates | `vla_gym.language.templates` |
| normalise words and politeness | `vla_gym.language.words.words_of` |
| cut an instruction into steps | `vla_gym.language.clauses.split_clauses` |
| cut one step into object and target | `vla_gym.language.role_phrases.split_roles` |
| take comparisons out, list noun phrases | `vla_gym.language.comparisons` |
| look up relation words and sides | `vla_gym.language.relations` |
| understand what a person says | `vla_gym.language.understand` |
| say a meaning in plain words | `vla_gym.language.canonical.say` |
| hold what a sentence asks for | `vla_gym.language.understanding` |
| write and parse that as a line | `vla_gym.language.meaning_notation` |
| split a text into words, tell a meaning in tokens | `vla_gym.language.meaning_tokens` |
| look up colours, kinds, sizes, the hand | `vla_gym.language.vocabulary` |
"""

from vla_gym.language.reading import understand

__all__ = ["understand"]
