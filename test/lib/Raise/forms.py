"""All forms of form.py."""
import forms_attention
import forms_conv
import forms_scan
import forms_state  # noqa: F401
from form import *  # noqa: F401, F403
