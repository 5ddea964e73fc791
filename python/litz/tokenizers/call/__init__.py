"""What a call of a tokenizer does: texts or ids in, a BatchEncoding out.

inputs (the texts), options (the arguments, checked against the defaults), batch (texts to an encoding), prepare (the
same for texts that are ids already), padding and truncation.
"""
